"""Images that containers run: on this machine already, or fetched."""

from __future__ import annotations

from collections.abc import Callable

from sluice.errors import EnvironmentFailed
from sluice.targets.local.docker.engine import Engine, Refused


def ensure_image(engine: Engine, reference: str, report: Callable[[str], None]) -> str:
    """Return the id of an image, fetched if it is not here. Raises EnvironmentFailed with Docker's reason.

    A tag that is here already is not asked for again, even where the registry has moved it.
    """
    identifier = engine.image_id(reference)
    if identifier is None:
        report(f"pulling {reference}")
        try:
            engine.pull(reference, report)
            identifier = engine.image_id(reference)
        except Refused as refusal:
            raise _failed(reference, str(refusal)) from None
    if identifier is None:
        raise _failed(reference, "it was fetched, but is not there")
    return identifier


def _failed(reference: str, reason: str) -> EnvironmentFailed:
    return EnvironmentFailed(
        f"image {reference} can't be pulled: {reason}",
        remedy="Check its name and tag; for a private registry, log in first: docker login REGISTRY",
    )
