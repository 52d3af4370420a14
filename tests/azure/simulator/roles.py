"""Roles in the simulator: what is given, by whom it counts, and when it takes effect."""

from __future__ import annotations

import uuid

from tests.azure.simulator.names import ASSIGNMENT, Target, scope_of
from tests.azure.simulator.world import Body, Refused, World

ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
BLOB_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
SECRETS_READER = "ea01e6af-a1c1-4350-9563-ad00f8c72ec5"
METRICS_WRITER = "635dd51f-9968-44d3-b7fb-6d9a6bd613ae"


def assign(world: World, named: Target, body: Body) -> Body:
    """Return a role assignment as it is kept. Raises Refused for what is there already, or names nobody."""
    properties = body["properties"]
    principal, role, scope = properties["principalId"], properties["roleDefinitionId"].lower(), scope_of(named)
    known = world.resources.get(named.key)
    if known and known.body["properties"]["principalId"] != principal:
        raise Refused(
            409,
            "RoleAssignmentUpdateNotPermitted",
            "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
        )
    for other in world.resources.values():
        if other.target.type == ASSIGNMENT and other.target.key != named.key and _same(other, principal, role, scope):
            raise Refused(
                409,
                "RoleAssignmentExists",
                f"The role assignment already exists. The ID of the existing role assignment is {other.target.name}.",
            )
    if principal not in principals(world):
        raise Refused(400, "PrincipalNotFound", f"Principal {principal} does not exist in the directory.")
    world.given.setdefault(named.key, len(world.requests))
    return {"properties": {**properties, "scope": scope}}


def _same(other: object, principal: str, role: str, scope: str) -> bool:
    properties = getattr(other, "body")["properties"]  # noqa: B009 - any stored resource
    return (properties["principalId"], properties["roleDefinitionId"].lower(), properties["scope"]) == (
        principal,
        role,
        scope,
    )


def lacking(action: str, scope: str) -> str:
    """Return what ARM says to somebody whose roles lack an action."""
    what = f"perform action '{action}' over scope '{scope}' or the scope is invalid"
    return f"The client 'me' with object id 'me' does not have authorization to {what}."


def principals(world: World) -> set[str]:
    """Return everybody a role can be given to."""
    found: set[str] = set()
    for one in world.resources.values():
        found.add(str((one.body.get("identity") or {}).get("principalId")))
        found.add(str((one.body.get("properties") or {}).get("principalId")))
    return found - {"None"}


def give(world: World, principal: str, role: str, scope: str) -> None:
    """Give a role as Azure itself does it."""
    name = str(uuid.uuid4())
    named = Target(f"{scope.lower()}/providers/Microsoft.Authorization/roleAssignments/{name}", ASSIGNMENT, name)
    definition = f"/subscriptions/{world.subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    properties = {"principalId": principal, "roleDefinitionId": definition.lower(), "scope": scope.lower()}
    world.store(named, {"properties": properties})
    world.given[named.key] = -world.settings.roles_after


def holds(world: World, principal: str, role: str, scope: str) -> bool:
    """Tell whether somebody has a role at a scope or above it, and it has taken effect."""
    for one in world.resources.values():
        if one.target.type != ASSIGNMENT:
            continue
        properties = one.body["properties"]
        at = properties["scope"]
        reaches = scope.lower() == at or scope.lower().startswith(at + "/")
        ripe = len(world.requests) - world.given.get(one.target.key, 0) >= world.settings.roles_after
        if (
            properties["principalId"] == principal
            and properties["roleDefinitionId"].endswith(role)
            and reaches
            and ripe
        ):
            return True
    return False
