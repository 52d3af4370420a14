"""What the simulator says of roles: definitions, who holds what at a scope, and what the caller itself may do."""

from __future__ import annotations

import re
from typing import Any

from tests.azure.simulator.names import ASSIGNMENT
from tests.azure.simulator.roles import ACR_PULL, BLOB_READER, METRICS_WRITER, SECRETS_READER
from tests.azure.simulator.world import Refused, World

ML = "Microsoft.MachineLearningServices/workspaces"
BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
BLOB_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
_NO_ROLES = ["Microsoft.Authorization/*/Write", "Microsoft.Authorization/*/Delete"]
# From "Azure built-in roles"; what others allow is nothing here.
DEFINITIONS: dict[str, dict[str, list[str]]] = {
    OWNER: {"actions": ["*"]},
    CONTRIBUTOR: {"actions": ["*"], "notActions": _NO_ROLES},
    ACR_PULL: {"actions": ["Microsoft.ContainerRegistry/registries/pull/read"]},
    BLOB_READER: {"actions": [f"{BLOBS.rpartition('/')[0]}/read"], "dataActions": [f"{BLOBS}/read"]},
    BLOB_CONTRIBUTOR: {"dataActions": [f"{BLOBS}/read", f"{BLOBS}/write", f"{BLOBS}/delete"]},
    SECRETS_READER: {"actions": [f"{ML}/connections/listsecrets/action", f"{ML}/metadata/secrets/read"]},
    METRICS_WRITER: {"actions": [f"{ML}/metrics/*/write"]},
}  # fmt: skip
_AUTHORIZATION = "/providers/microsoft.authorization/"
_WHO = re.compile(r"assignedTo\('(?P<principal>[^']+)'\)")


def answered(world: World, method: str, path: str, query: dict[str, str]) -> dict[str, Any] | None:
    """Return the answer to a question about roles; None where it is none. Raises Refused."""
    at = path.lower().find(_AUTHORIZATION)
    if method != "GET" or at < 0:
        return None
    scope, (kind, _, name) = path[:at], path[at + len(_AUTHORIZATION) :].lower().partition("/")
    if kind == "roledefinitions" and name:
        return _definition(name)
    if name or kind not in {"roleassignments", "permissions"}:
        return None
    _check_scope(world, scope)
    if kind == "permissions":
        return {"value": [_whole(one) for one in world.settings.mine]}
    return {"value": _assignments(world, scope, query.get("$filter", ""))}


def _check_scope(world: World, scope: str) -> None:
    if "/providers/" in scope:
        world.must(scope)


def _definition(name: str) -> dict[str, Any]:
    if name not in DEFINITIONS:
        raise Refused(404, "RoleDefinitionDoesNotExist", f"The specified role definition {name} does not exist.")
    return {"name": name, "properties": {"permissions": [_whole(DEFINITIONS[name])]}}


def _whole(permission: dict[str, list[str]]) -> dict[str, list[str]]:
    return {key: permission.get(key, []) for key in ("actions", "notActions", "dataActions", "notDataActions")}


def _assignments(world: World, scope: str, asked: str) -> list[dict[str, Any]]:
    """Assignments at a scope and above, to a principal and the groups it is in."""
    meant = _WHO.search(asked)
    if not meant or "atScope()" not in asked:
        raise Refused(400, "BadRequest", f"The filter {asked} is not one that is answered here.")
    who = {meant["principal"], *world.settings.groups.get(meant["principal"], ())}
    found = (one for one in world.resources.values() if one.target.type == ASSIGNMENT)
    return [one.shown() for one in found if _means(one.body["properties"], who, scope.lower())]


def _means(properties: dict[str, str], who: set[str], scope: str) -> bool:
    at = properties["scope"]
    return properties["principalId"] in who and (scope == at or scope.startswith(at + "/"))
