"""A plan's ARM resources as pulumi-azure-native takes them: token, inputs, and how changes are handled. Pure.

The provider's inputs are ARM's bodies, but for three things: the names of a resource's id are inputs of their own, a
user-assigned identity is listed by id, and role assignments and identities have their properties at the top.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sluice.plan.graph import Resource

_ML: Final = "azure-native:machinelearningservices"
TOKENS: Final[Mapping[str, str]] = {
    "UserAssignedIdentity": "azure-native:managedidentity:UserAssignedIdentity",
    "RoleAssignment": "azure-native:authorization:RoleAssignment",
    "WorkspaceConnection": f"{_ML}:WorkspaceConnection",
    "ModelContainer": f"{_ML}:ModelContainer",
    "ModelVersion": f"{_ML}:ModelVersion",
    "EnvironmentContainer": f"{_ML}:EnvironmentContainer",
    "EnvironmentVersion": f"{_ML}:EnvironmentVersion",
    "CodeVersion": f"{_ML}:CodeVersion",
    "OnlineEndpoint": f"{_ML}:OnlineEndpoint",
    "OnlineDeployment": f"{_ML}:OnlineDeployment",
}
# The collections of an ARM id, and the input that each name below them is.
_NAMES: Final = {
    "workspaces": "workspaceName",
    "onlineEndpoints": "endpointName",
    "deployments": "deploymentName",
    "connections": "connectionName",
    "models": "name",
    "environments": "name",
    "codes": "name",
    "versions": "version",
    "userAssignedIdentities": "resourceName",
    "roleAssignments": "roleAssignmentName",
}
# Weights are another resource's; without this, an update of the endpoint takes the live ones back.
_IGNORED: Final = {"OnlineEndpoint": ("properties.traffic", "properties.mirrorTraffic")}
# Versions may be another stack's, or a rollback's, tomorrow.
_RETAINED: Final = frozenset(
    {"ModelContainer", "ModelVersion", "EnvironmentContainer", "EnvironmentVersion", "CodeVersion"}
)


@dataclass(frozen=True)
class NativeResource:
    """What is registered.

    Attributes:
        token: the provider's type.
        inputs: by the provider's own names; Output and SecretReference may stand at any place.
        import_id: ARM id.
        ignored: properties whose changes are left alone.
        retained: whether it stays on Azure when the stack no longer has it.
        read_only: whether it is looked up, not made.
    """

    token: str
    inputs: Mapping[str, Any]
    import_id: str
    ignored: tuple[str, ...] = ()
    retained: bool = False
    read_only: bool = False


def native(planned: Resource) -> NativeResource | None:
    """Return a planned resource as the provider takes it; None for those that are ours."""
    token = TOKENS.get(planned.type)
    if token is None:
        return None
    arm_id, body = str(planned.properties["id"]), planned.properties["body"]
    return NativeResource(
        token,
        _inputs(planned.type, arm_id, body if isinstance(body, Mapping) else {}),
        arm_id,
        _IGNORED.get(planned.type, ()),
        retained=planned.type in _RETAINED,
        read_only=bool(planned.properties.get("existing")),
    )


def _inputs(type_: str, arm_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
    if type_ == "RoleAssignment":
        scope, _, name = arm_id.partition("/providers/Microsoft.Authorization/roleAssignments/")
        return {"scope": scope, "roleAssignmentName": name, **body["properties"]}
    identity = body.get("identity")
    if identity and "userAssignedIdentities" in identity:
        body = {**body, "identity": {**identity, "userAssignedIdentities": list(identity["userAssignedIdentities"])}}
    return {**_names(arm_id), **body}


def _names(arm_id: str) -> dict[str, str]:
    group = re.search(r"/resourceGroups/([^/]+)/", arm_id)
    named = arm_id.partition("/providers/")[2].split("/")[1:]
    found = {_NAMES[kind]: name for kind, name in zip(named[::2], named[1::2], strict=False) if kind in _NAMES}
    return ({"resourceGroupName": group[1]} if group else {}) | found
