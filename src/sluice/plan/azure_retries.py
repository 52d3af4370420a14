"""What failed on Azure is tried again: pure.

A deployment that failed to come up is there, with the body that was sent: nothing differs from what is planned, and
Pulumi, whose refresh forgets that a resource failed, would leave it as it is. So each new try is counted in the
resource itself, among its properties, and the count stays once it has come up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from sluice.plan.azure_changes import Bodies
from sluice.plan.graph import Graph, Resource
from sluice.spec.frozen import frozen_map

ATTEMPT: Final = "sluice.attempt"
"""The property of endpoints and deployments that counts tries after the first."""

_RETRIED: Final = frozenset({"OnlineEndpoint", "OnlineDeployment"})
_FAILED: Final = frozenset({"failed", "canceled", "cancelled"})


def retried(graph: Graph, before: Bodies) -> Graph:
    """Return a graph in which what failed differs from what is there; `before` has the bodies that exist, by key."""
    return Graph(tuple(_retried(one, before[one.key]) if one.key in before else one for one in graph.resources))


def _retried(planned: Resource, before: Mapping[str, Any]) -> Resource:
    attempt = _attempt(before) if planned.type in _RETRIED else 0
    body = planned.properties.get("body")
    if not attempt or not isinstance(body, Mapping):
        return planned
    said = body["properties"]
    counted = {**said, "properties": {**(said.get("properties") or {}), ATTEMPT: str(attempt)}}
    return replace(planned, properties=frozen_map({**planned.properties, "body": {**body, "properties": counted}}))


def _attempt(before: Mapping[str, Any]) -> int:
    """Return the number of the try after the first: the one that is there, or the next where that failed."""
    told = before.get("properties") or {}
    counted = str((told.get("properties") or {}).get(ATTEMPT) or "0")
    failed = str(told.get("provisioningState") or "").lower() in _FAILED
    return (int(counted) if counted.isdecimal() else 0) + failed
