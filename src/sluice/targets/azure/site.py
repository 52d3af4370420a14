"""The workspace that a stack lives in: named by the stack's settings, read from ARM."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sluice.errors import NotFound, SpecError
from sluice.plan.azure_site import Site
from sluice.spec.frozen import frozen_map
from sluice.spec.models import SpecSet
from sluice.spec.settings import StackSettings
from sluice.spec.terms import AssetReference
from sluice.targets.azure.arm import ArmClient

_NEEDED: Final = {"subscription": "subscription", "resource_group": "resourceGroup", "workspace": "workspace"}
_LATEST: Final = "latest"


@dataclass(frozen=True)
class Place:
    """A workspace by its names. `location` is where endpoints go; None for where the workspace is."""

    subscription: str
    resource_group: str
    workspace: str
    location: str | None = None

    @property
    def site(self) -> Site:
        """Return what the names alone say."""
        return Site(self.subscription, self.resource_group, self.workspace, self.location or "")


def place_of(settings: StackSettings) -> Place:
    """Return the workspace a stack names. Raises SpecError where it does not."""
    missing = [key for field, key in _NEEDED.items() if not getattr(settings, field)]
    if missing:
        raise SpecError(
            f"target: azure needs {', '.join(missing)}",
            remedy=f"Write {'it' if len(missing) == 1 else 'them'} in stacks/{settings.stack}/stack.yaml, or:"
            f" pulumi config set sluice:{missing[0]} VALUE --stack {settings.stack}",
            at=settings.at,
        )
    named = {field: str(getattr(settings, field)) for field in _NEEDED}
    return Place(**named, location=settings.location)


def read_site(arm: ArmClient, place: Place, specs: SpecSet) -> Site:
    """Return what is known of a workspace: its location, registry and storage, and what labels stand for now.

    Raises NotFound for a workspace that is not there, and what ArmClient raises.
    """
    try:
        body = arm.read(place.site.id).body
    except NotFound as error:
        raise NotFound(
            f"there is no workspace {place.workspace} in resource group {place.resource_group}",
            remedy="Check `workspace`, `resourceGroup` and `subscription` of the stack; Sluice makes no workspace.",
            details=error.message,
        ) from None
    told = body.get("properties") or {}
    return Site(
        place.subscription,
        place.resource_group,
        place.workspace,
        place.location or _location(body),
        registry=told.get("containerRegistry") or None,
        storage=told.get("storageAccount") or None,
        labels=frozen_map(_labels(arm, place, specs)),
    )


def _location(body: Mapping[str, Any]) -> str:
    return str(body.get("location") or "").replace(" ", "").lower()


def _labels(arm: ArmClient, place: Place, specs: SpecSet) -> dict[str, str]:
    """Return ARM ids by the references whose label is `latest`, the one that ARM itself keeps."""
    found: dict[str, str] = {}
    for collection, reference in _labelled(specs):
        container = place.site.within(collection, str(reference.name))
        version = _latest(arm, container)
        if version:
            found[reference.text.strip()] = f"{container}/versions/{version}"
    return found


def _labelled(specs: SpecSet) -> Iterator[tuple[str, AssetReference]]:
    for deployment in specs.deployments:
        for collection, reference in (("models", deployment.model), ("environments", deployment.environment)):
            if isinstance(reference, AssetReference) and reference.name and reference.label == _LATEST:
                yield collection, reference


def _latest(arm: ArmClient, container: str) -> str | None:
    try:
        told = arm.read(container).body.get("properties") or {}
    except NotFound:
        return None
    return str(told["latestVersion"]) if told.get("latestVersion") else None
