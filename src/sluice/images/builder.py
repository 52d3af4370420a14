"""An image to build as inputs of Pulumi's provider `docker-build`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sluice.images.models import ImagePlan
from sluice.images.registry import Registry
from sluice.images.services import BUILDER

# On loopback bytes are cheap and packing them is not: a quarter of the time for a sixth more of them.
QUICK_LAYERS: Final = "compression=gzip,compression-level=1"
_SHOWN: Final = 12  # digits of a context's hash in a tag


@dataclass(frozen=True)
class StagedContext:
    """A staged build context, as paths that the provider can follow."""

    context: str
    dockerfile: str


def image_tag(plan: ImagePlan, registry: Registry) -> str:
    """Return the tag an image is pushed under: another context is another tag."""
    return f"{registry.address}/{plan.name}:{plan.context_hash[:_SHOWN]}"


def image_inputs(
    plan: ImagePlan, staged: StagedContext, registry: Registry, secrets: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the inputs of docker-build's Image. `secrets` are values by id, marked as secrets by whoever has them.

    A new value of a secret builds nothing: it is a credential, no content.
    """
    inputs: dict[str, Any] = {
        "builder": {"name": BUILDER},
        "buildOnPreview": False,
        "context": {"location": staged.context},
        "dockerfile": {"location": staged.dockerfile},
        "tags": [image_tag(plan, registry)],
        "platforms": list(plan.platforms),
        **_pushed(registry),
        **_cached(plan, registry),
    }
    optional = {
        "buildArgs": dict(plan.build_args),
        "labels": dict(plan.labels),
        "secrets": dict(secrets),
        "ignoreSecretsInDiffCalculation": sorted(secrets),
    }
    return inputs | {key: value for key, value in optional.items() if value}


def _pushed(registry: Registry) -> dict[str, Any]:
    """Return how the image is exported.

    The provider asks a registry at each refresh whether it still has the image, but only over TLS: on loopback it
    would fail, slowly. It does not know `push=1` for a push, so it does not ask; BuildKit knows. Instead the id of
    what the registry stores is an attribute (BuildKit ignores it): when that is emptied, the image is pushed again.
    """
    if not registry.local:
        return {"push": True}
    return {"push": False, "exports": [{"raw": f"type=image,push=1,{QUICK_LAYERS},sluice-store={registry.store}"}]}


def _cached(plan: ImagePlan, registry: Registry) -> dict[str, Any]:
    """Return where the build's cache is shared. On loopback BuildKit's own is all there is, and is enough.

    For several platforms BuildKit would export the cache of one of them only.
    """
    if registry.local or len(plan.platforms) > 1:
        return {}
    place = {"ref": f"{registry.address}/{plan.name}:cache"}
    kept = {"mode": "max", "imageManifest": True, "ociMediaTypes": True, "ignoreError": True}
    return {"cacheFrom": [{"registry": place}], "cacheTo": [{"registry": {**place, **kept}}]}
