"""The packages that stand in for a serving image on the process runtime, from the table `images.toml`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from importlib.resources import files
from typing import Any

from sluice.errors import Unsupported
from sluice.plan.servers import ServerKind


def requirements(image: str | None, kind: ServerKind, own: Sequence[str]) -> tuple[str, ...]:
    """Return the requirement lines of a deployment's environment: the base's, then its `own`.

    A package that `own` names is left out of the base: the user's version is the one that counts.
    Raises: Unsupported as `base_requirements` does.
    """
    named = {package_name(line) for line in own}
    base = [line for line in base_requirements(image, kind) if package_name(line) not in named]
    return (*base, *own)


def base_requirements(image: str | None, kind: ServerKind) -> tuple[str, ...]:
    """Return what `image` stands for with a server of that kind; without image, what the server needs.

    Raises: Unsupported where the image is none the table knows.
    """
    table = load_table()
    added = _known_image(image, table)["adds"] if image else ()
    return (*table["packages"][kind], *added)


def server_packages(image: str | None, kind: ServerKind, own: Sequence[str]) -> tuple[str, ...]:
    """Return what a lock resolves beside `own`: what the base stands for, or just the server on any other image.

    A container that brings its own server brings all of it.
    """
    if kind is ServerKind.CONTAINER:
        return ()
    try:
        base = base_requirements(image, kind)
    except Unsupported:
        base = base_requirements(None, kind)
    named = {package_name(line) for line in own}
    return tuple(line for line in base if package_name(line) not in named)


def is_serving_image(image: str | None) -> bool:
    """Tell whether an image is one the table knows: it brings its server."""
    return bool(image) and any(
        fnmatchcase(repository(image or ""), one["repository"]) for one in load_table()["images"]
    )


def _known_image(image: str, table: Mapping[str, Any]) -> Mapping[str, Any]:
    for known in table["images"]:
        if fnmatchcase(repository(image), known["repository"]):
            return {"adds": (), **known}
    raise Unsupported(
        f"image {image} is not a serving image that this machine can rebuild from packages",
        remedy="Run the image itself, in a container: `runtime: docker` in the stack's settings, or `properties:"
        " {sluice.runtime: docker}` in the deployment; or name one of: "
        + ", ".join(known["repository"] for known in table["images"])
        + ".",
    )


def repository(image: str) -> str:
    """Return an image's name in lower case, without tag and digest."""
    return re.sub(r":[^:/]*$", "", image.strip().partition("@")[0]).lower()


def package_name(requirement: str) -> str | None:
    """Return the normalized package a requirement line names (PEP 503); None for an option or a comment."""
    found = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", requirement)
    return re.sub(r"[-_.]+", "-", found[1]).rstrip("-").lower() if found else None


def load_table() -> Mapping[str, Any]:
    """Return the table as it is written."""
    return tomllib.loads((files("sluice.targets.local") / "images.toml").read_text(encoding="utf-8"))
