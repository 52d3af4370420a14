"""The stack's settings with Pulumi's configuration on top: `pulumi config set sluice:KEY VALUE`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pulumi

from sluice.spec.models import frozen_map
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


def with_config(settings: StackSettings, config: pulumi.Config) -> StackSettings:
    """Return `settings` with what `config` (of the namespace `sluice`) sets in their place."""
    changes: dict[str, Any] = {}
    for key, field in _OBJECTS.items():
        if override := config.get_object(key):
            changes[field] = frozen_map({**getattr(settings, field), **override})
    for key, field in _TEXTS.items():
        if value := config.get(key):
            changes[field] = value
    if specs := config.get_object("specs"):
        changes["specs"] = tuple(specs)
    if (production := config.get_bool("production")) is not None:
        changes["production"] = production
    return replace(settings, **changes)
