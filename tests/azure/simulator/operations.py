"""What the simulator does with endpoints that run: keys, tokens, logs of containers, and what Azure Monitor has."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.azure.simulator.datastores import DATASTORE
from tests.azure.simulator.names import CONNECTION, DEPLOYMENT, ENDPOINT
from tests.azure.simulator.world import Refused, Stored, World

_ENDS = 1_900_000_000
_CONTAINERS = ("StorageInitializer", "InferenceServer")
_METRICS = re.compile(r"(?P<id>.+)/providers/microsoft\.insights/metrics", re.IGNORECASE)
_DIMENSION = re.compile(r"(\w+) eq '\*'")
_USE = """cpuutilizationpercentage cpumemoryutilizationpercentage diskutilization gpuutilizationpercentage
    gpumemoryutilizationpercentage deploymentcapacity"""
# What Azure Monitor knows of each type, and by which dimensions it comes apart.
_KNOWN = {
    ENDPOINT: {"requestsperminute": {"deployment", "statuscode", "statuscodeclass"}, "networkbytes": set(),
               **{f"requestlatency_p{percent}": {"deployment"} for percent in (50, 90, 95, 99)}},
    DEPLOYMENT: {name: {"instanceid"} for name in _USE.split()},
    "microsoft.insights/components": {name: {"flow"} for name in ("token_consumption", "flow_request", "flow_latency")},
}  # fmt: skip


def acted(world: World, found: Stored, action: str, body: Any) -> Any:
    """Return the result of an action on a resource. Raises Refused for one that there is not."""
    told = body or {}
    done: Callable[[], Any] | None = {
        "listkeys": lambda: dict(zip(("primaryKey", "secondaryKey"), _keys(world, found.target.name), strict=True)),
        "regeneratekeys": lambda: _regenerate(world, found.target.name, told),
        "token": lambda: {"accessToken": f"{found.target.name}-token", "expiryTimeUtc": _ENDS, "tokenType": "Bearer"},
        "getlogs": lambda: {"content": _logs(world, found, told)},
        "listsecrets": lambda: _secrets(found),
    }.get(action)
    if done is None:
        raise Refused(404, "NotFound", f"There is no action {action}.")
    return done()


def _secrets(found: Stored) -> Any:
    if found.target.type == CONNECTION:
        return found.shown()
    if found.target.type == DATASTORE:
        return found.body["secrets"]
    raise Refused(404, "NotFound", "There is no action listsecrets.")


def _keys(world: World, name: str) -> tuple[str, str]:
    return world.keys.setdefault(name, (f"{name}-1", f"{name}-2"))


def _regenerate(world: World, name: str, body: dict[str, str]) -> None:
    first, second = _keys(world, name)
    if body.get("keyType") not in {"Primary", "Secondary"}:
        raise Refused(400, "BadRequest", f"keyType {body.get('keyType')} is not Primary or Secondary.")
    world.keys[name] = (first + "new", second) if body["keyType"] == "Primary" else (first, second + "new")


def _logs(world: World, found: Stored, body: dict[str, Any]) -> str:
    container = body.get("containerType", "InferenceServer")
    if container not in _CONTAINERS:
        raise Refused(400, "BadRequest", f"There is no container {container}.")
    endpoint = found.target.parent.rpartition("/")[2]
    lines = world.logs.get(f"{endpoint}/{found.target.name}/{container}")
    if lines is None:
        return f"{container}: started"
    return "\n".join(lines[-int(body.get("tail") or 5000) :])


def measured(world: World, method: str, path: str, query: dict[str, str]) -> dict[str, Any] | None:
    """Return Azure Monitor's answer; None where nothing of it is asked. Raises Refused."""
    asked = _METRICS.fullmatch(path)
    if method != "GET" or not asked:
        return None
    found = world.must(asked["id"])
    known = _KNOWN.get(found.target.type, {})
    by = {name.lower() for name in _DIMENSION.findall(query.get("$filter", ""))}
    names = query["metricnames"].split(",")
    for name in names:
        if name.lower() not in known or not by <= known[name.lower()]:
            raise Refused(400, "BadRequest", f"Failed to find metric configuration for {name} by {sorted(by)}.")
    for key, form in (("timespan", r"\S+Z/\S+Z"), ("interval", "PT1M"), ("aggregation", "Average|Total")):
        if not re.fullmatch(form, query.get(key, "")):
            raise Refused(400, "BadRequest", f"{key} {query.get(key)} is not valid.")
    return {"value": [_metric(world, found, name, by, query["aggregation"].lower()) for name in names]}


def _metric(world: World, found: Stored, name: str, by: set[str], aggregation: str) -> dict[str, Any]:
    series = []
    for one in world.metrics.get((found.target.name, name), ()):
        told = {key: value for key, value in one.items() if key != "values" and key.lower() in by}
        listed = [{"name": {"value": key.lower()}, "value": value} for key, value in told.items()]
        data = [{"timeStamp": "t", **({} if value is None else {aggregation: value})} for value in one["values"]]
        series.append({"metadatavalues": listed, "data": data})
    return {"name": {"value": name, "localizedValue": name}, "timeseries": series}
