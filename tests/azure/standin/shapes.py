"""What pulumi-azure-native does with names and shapes, for the types that Sluice registers. Pure.

From what the real provider (3.29) was seen to do, and from its published source: inputs are ARM's body, but for the
names in the id; identities and role assignments are flat; identities are a list where ARM has a map.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sluice.plan.azure_changes import CREATE_ONLY
from sluice.plan.azure_native import TOKENS

Plain = dict[str, Any]
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_GROUP = "/subscriptions/{subscription}/resourceGroups/{resourceGroupName}/providers"
_WORKSPACE = f"{_GROUP}/Microsoft.MachineLearningServices/workspaces/{{workspaceName}}"
_PATHS = {
    "UserAssignedIdentity": f"{_GROUP}/Microsoft.ManagedIdentity/userAssignedIdentities/{{resourceName}}",
    "RoleAssignment": "{scope}/providers/Microsoft.Authorization/roleAssignments/{roleAssignmentName}",
    "WorkspaceConnection": f"{_WORKSPACE}/connections/{{connectionName}}",
    "ModelContainer": f"{_WORKSPACE}/models/{{name}}",
    "ModelVersion": f"{_WORKSPACE}/models/{{name}}/versions/{{version}}",
    "EnvironmentContainer": f"{_WORKSPACE}/environments/{{name}}",
    "EnvironmentVersion": f"{_WORKSPACE}/environments/{{name}}/versions/{{version}}",
    "CodeVersion": f"{_WORKSPACE}/codes/{{name}}/versions/{{version}}",
    "OnlineEndpoint": f"{_WORKSPACE}/onlineEndpoints/{{endpointName}}",
    "OnlineDeployment": f"{_WORKSPACE}/onlineEndpoints/{{endpointName}}/deployments/{{deploymentName}}",
}
_NAMES = frozenset({
    "resourceGroupName", "workspaceName", "resourceName", "scope", "roleAssignmentName", "connectionName", "name",
    "version", "endpointName", "deploymentName",
})  # fmt: skip
_FLAT = frozenset({"UserAssignedIdentity", "RoleAssignment"})
# What the API marks as read-only: never an input.
_TOLD = frozenset({
    "id", "name", "type", "systemData", "provisioningState", "scoringUri", "swaggerUri", "tenantId", "clientId",
    "azureApiVersion", "etag",
})  # fmt: skip
# What a preview can't know of a new resource.
_LATER: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "OnlineEndpoint": (("properties", "scoringUri"), ("identity", "principalId")),
    "UserAssignedIdentity": (("principalId",), ("clientId",)),
}
_KINDS = {token: kind for kind, token in TOKENS.items()}


@dataclass(frozen=True)
class Change:
    """A difference of inputs; `replaces`: the API can't change it in place."""

    path: str
    kind: str
    replaces: bool


def kind_of(urn: str) -> str:
    """Return the plan's name of the type in a URN. Raises KeyError for a type that nobody registers."""
    return _KINDS[urn.split("::")[2].rsplit("$", maxsplit=1)[-1]]


def arm_id(kind: str, inputs: Mapping[str, Any], subscription: str) -> str:
    """Return the id that inputs name."""
    return _PATHS[kind].format(subscription=subscription, **{name: inputs.get(name) for name in _NAMES})


def body(kind: str, inputs: Mapping[str, Any]) -> Plain:
    """Return what is sent."""
    sent = {key: value for key, value in inputs.items() if key not in _NAMES}
    if kind == "RoleAssignment":
        return {"properties": sent}
    named = (sent.get("identity") or {}).get("userAssignedIdentities")
    if named is not None:
        sent["identity"] = {**sent["identity"], "userAssignedIdentities": {one: {} for one in named}}
    return sent


def outputs(kind: str, answer: Mapping[str, Any]) -> Plain:
    """Return what the provider tells of an answer of ARM's."""
    told = {key: value for key, value in answer.items() if key != "properties" or kind not in _FLAT}
    return told | dict(answer.get("properties") or {}) if kind in _FLAT else dict(answer)


def as_inputs(kind: str, told: Mapping[str, Any]) -> Plain:
    """Return outputs in the shape of inputs: without what is read-only."""
    found: Plain = _writable(told)
    identity = found.get("identity")
    if isinstance(identity, dict):
        identity.pop("principalId", None)
        if "userAssignedIdentities" in identity:
            identity["userAssignedIdentities"] = list(identity["userAssignedIdentities"])
    if kind == "UserAssignedIdentity":
        found.pop("principalId", None)
    return found


def _writable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _writable(child) for key, child in value.items() if key not in _TOLD and child is not None}
    return value


def imported(kind: str, identifier: str, told: Mapping[str, Any]) -> Plain:
    """Return the inputs of a resource that was there already: its names, and all that can be written."""
    names = (
        dict(zip(_parts(_PATHS[kind]), identifier.strip("/").split("/"), strict=False))
        if "{scope}" not in _PATHS[kind]
        else {}
    )
    return {**{name[1:-1]: value for name, value in names.items() if name[1:-1] in _NAMES}, **as_inputs(kind, told)}


def _parts(path: str) -> list[str]:
    return path.strip("/").split("/")


def refreshed(inputs: Mapping[str, Any], before: Mapping[str, Any], now: Mapping[str, Any]) -> Plain:
    """Return inputs with what has changed on Azure between two looks (both in the shape of inputs)."""
    found = dict(inputs)
    for key in before.keys() | now.keys():
        old, new = before.get(key), now.get(key)
        if old == new:
            continue
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found[key] = refreshed(found.get(key) or {}, old, new)
        elif key in now:
            found[key] = new
        else:
            found.pop(key, None)
    return found


def changes(kind: str, before: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[Change]:
    """Return how inputs differ."""
    once = {path.removeprefix("properties.") if kind in _FLAT else path for path in CREATE_ONLY.get(kind, ())}
    return [Change(path, how, _once(path, once)) for path, how in _differences("", before, wanted)]


def _once(path: str, once: set[str]) -> bool:
    return path.partition(".")[0] in _NAMES or any(path == one or path.startswith(f"{one}.") for one in once)


def _differences(at: str, before: Any, wanted: Any) -> Iterator[tuple[str, str]]:
    if isinstance(before, Mapping) and isinstance(wanted, Mapping):
        for key in sorted(before.keys() | wanted.keys()):
            path = f"{at}.{key}" if at else key
            if key not in wanted:
                yield path, "DELETE"
            elif key not in before:
                yield path, "ADD"
            else:
                yield from _differences(path, before[key], wanted[key])
    elif before != wanted:
        yield at, "UPDATE"


def foreseen(kind: str, inputs: Mapping[str, Any]) -> Plain:
    """Return what a preview tells: the inputs, and what will be known later."""
    found: Plain = dict(inputs)
    for path in _LATER.get(kind, ()):
        place = found
        for step in path[:-1]:
            place[step] = dict(place.get(step) or {})
            place = place[step]
        place[path[-1]] = UNKNOWN
    return found
