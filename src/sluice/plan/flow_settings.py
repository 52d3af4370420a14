"""The environment variable by which a flow's server finds its workspace. Pure."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Final

VARIABLE: Final = "PRT_CONFIG_OVERRIDE"
_PARTS: Final = ("subscription_id", "resource_group", "workspace_name", "endpoint_name", "deployment_name")


@dataclass(frozen=True)
class Place:
    """Where a deployment is, in the order of the deploy document's parts."""

    subscription: str
    resource_group: str
    workspace: str
    endpoint: str
    deployment: str


def config_override(written: str | None, place: Place) -> str:
    """Return PRT_CONFIG_OVERRIDE for a deployment.

    Without `written` it names all five parts; in `written` the deploy document's placeholders (`<workspace_name>`) are
    filled in, and everything else stays.
    """
    filled = written or ",".join(f"deployment.{part}=<{part}>" for part in _PARTS)
    for part, value in zip(_PARTS, astuple(place), strict=True):
        filled = filled.replace(f"<{part}>", value)
    return filled
