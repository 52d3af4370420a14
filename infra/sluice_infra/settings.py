"""The stack's settings with Pulumi's configuration on top: `pulumi config set sluice:KEY VALUE`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pulumi

from sluice.errors import SpecError
from sluice.spec.frozen import frozen_map
from sluice.spec.settings import StackSettings

# Configuration key -> field. Objects are laid over what the file says, endpoint by endpoint.
_OBJECTS: Final = {"traffic": "traffic", "mirrorTraffic": "mirror_traffic", "port": "port"}
_TEXTS: Final = {
    "target": "target",
    "runtime": "runtime",
    "subscription": "subscription",
    "resourceGroup": "resource_group",
    "workspace": "workspace",
    "location": "location",
    "registry": "registry",
}


def _refuse_other_than_object(key: str, value: Any) -> None:
    weights = key != "port"
    entries = value.values() if isinstance(value, dict) else [None]
    if not all(isinstance(entry, dict) if weights else isinstance(entry, int) for entry in entries):
        shape = "endpoint: {deployment: percent}" if weights else "endpoint: port"
        raise SpecError(
            f"configuration sluice:{key} is no object of `{shape}`",
            remedy=f"Take it out: pulumi config rm sluice:{key} --stack {pulumi.get_stack()}",
        )


def with_config(settings: StackSettings, config: pulumi.Config) -> StackSettings:
    """Return `settings` with what `config` (of the namespace `sluice`) sets in their place."""
    changes: dict[str, Any] = {}
    for key, field in _OBJECTS.items():
        if override := config.get_object(key):
            _refuse_other_than_object(key, override)
            changes[field] = frozen_map({**getattr(settings, field), **override})
    for key, field in _TEXTS.items():
        if value := config.get(key):
            changes[field] = value
    if specs := config.get_object("specs"):
        changes["specs"] = tuple(specs)
    if (production := config.get_bool("production")) is not None:
        changes["production"] = production
    return replace(settings, **changes)
