"""What the simulator says of a region: limits of cores and what is used of them, and the VM sizes there are."""

from __future__ import annotations

import re
from typing import Any

from tests.azure.simulator.endpoints import cores_used
from tests.azure.simulator.world import World

from sluice.spec.rules.skus import FAMILIES, SIZES

_PLACE = re.compile(r"/subscriptions/[^/]+/providers/microsoft\.machinelearningservices/locations/([^/]+)/(\w+)")
_ENOUGH = 1000


def answered(world: World, method: str, path: str) -> dict[str, Any] | None:
    """Return the answer to a question about the region; None where it is none."""
    found = _PLACE.fullmatch(path.lower().rstrip("/"))
    if method != "GET" or not found or found[1] != world.location:
        return None
    if found[2] == "usages":
        return {"value": [*_usages(world)]}
    if found[2] == "vmsizes":
        gone = {name.lower() for name in world.settings.sizes_missing}
        return {"value": [_size(one) for one in SIZES if one.name.lower() not in gone]}
    return None


def _usages(world: World) -> list[dict[str, Any]]:
    shown = []
    for family in FAMILIES:
        used, limit = cores_used(world, family), world.settings.cores.get(family, _ENOUGH)
        shown.append(_usage(family, "dedicatedCores", used, limit))
        shown.append(_usage(family, "lowPriorityCores", 0, 0))
        shown.append(_usage(family, "workspaces/dedicatedCores", used, -1))
    return shown


def _usage(family: str, kind: str, used: int, limit: int) -> dict[str, Any]:
    name = {"value": family, "localizedValue": family}
    type_ = f"Microsoft.MachineLearningServices/{kind}/usages"
    return {"id": f"{type_}/{family}", "type": type_, "name": name, "currentValue": used, "limit": limit,
            "unit": "Count"}  # fmt: skip


def _size(one: Any) -> dict[str, Any]:
    return {"name": one.name, "family": one.family, "vCPUs": one.cores, "supportedComputeTypes": ["AmlCompute"]}
