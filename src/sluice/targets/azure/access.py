"""Who has which role: read from ARM, and compared with what is needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from sluice.errors import AccessDenied, NotFound
from sluice.plan.azure_access import Holder, Need, is_met
from sluice.plan.azure_workspace_access import Linked, lacking_policies
from sluice.plan.rights import Grant, Permission, lacking, permission_of
from sluice.targets.azure.arm import ArmClient

_AUTHORIZATION = "providers/Microsoft.Authorization"


class State(StrEnum):
    """Whether somebody has what they need. `later`: who needs it, or what it is for, is not there yet."""

    HELD = "held"
    MISSING = "missing"
    LATER = "later"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Checked:
    """A need as it was found: `principal` is the object id of who needs it, `detail` says more in words."""

    need: Need
    state: State
    principal: str = ""
    detail: str = ""


def read_linked(arm: ArmClient, workspace: str) -> Linked:
    """Return what belongs to a workspace (ARM id). Raises as ArmClient does; an unreadable vault has policies."""
    properties = arm.read(workspace).body.get("properties") or {}
    vault = str(properties.get("keyVault") or "")
    return Linked(
        workspace,
        storage=str(properties.get("storageAccount") or ""),
        vault=vault,
        registry=str(properties.get("containerRegistry") or ""),
        insights=str(properties.get("applicationInsights") or ""),
        by_roles=bool(vault) and bool(_vault(arm, vault).get("enableRbacAuthorization")),
    )


def _vault(arm: ArmClient, vault: str) -> dict[str, Any]:
    try:
        properties: dict[str, Any] = arm.read(vault).body.get("properties") or {}
    except (AccessDenied, NotFound):
        return {}
    return properties


@dataclass
class AccessReader:
    """Checks needs against ARM; what was read once is not asked for again."""

    arm: ArmClient
    _principals: dict[str, str | None] = field(default_factory=dict)
    _grants: dict[tuple[str, str], tuple[Grant, ...]] = field(default_factory=dict)
    _roles: dict[str, tuple[Permission, ...]] = field(default_factory=dict)
    _mine: dict[str, tuple[Permission, ...]] = field(default_factory=dict)

    def check(self, needs: Iterable[Need]) -> tuple[Checked, ...]:
        """Return every need with its state, in their order. Raises AzureLogin and AzureFailed."""
        return tuple(self._checked(need) for need in needs)

    def _checked(self, need: Need) -> Checked:
        try:
            if need.holder in {Holder.YOU, Holder.SUBMITTER}:
                return self._own(need)
            principal = self._principal(need)
            if principal is None:
                return Checked(need, State.LATER, detail=f"{need.who} is not there yet")
            return self._policies(need, principal) if need.rights.policies else self._role(need, principal)
        except NotFound:
            return Checked(need, State.LATER, detail=f"{need.scope} is not there yet")
        except AccessDenied as error:
            return Checked(need, State.UNKNOWN, detail=error.message)

    def _own(self, need: Need) -> Checked:
        missing = lacking(need.rights, self._permissions(need.scope_id))
        detail = f"lacks {', '.join(missing)}" if missing else ""
        return Checked(need, State.MISSING if missing else State.HELD, self.arm.caller(), detail)

    def _role(self, need: Need, principal: str) -> Checked:
        held = is_met(need, self._held(need.scope_id, principal))
        return Checked(need, State.HELD if held else State.MISSING, principal)

    def _policies(self, need: Need, principal: str) -> Checked:
        policies = self.arm.read(need.scope_id).body.get("properties", {}).get("accessPolicies") or ()
        given: dict[str, list[str]] = next(
            (one["permissions"] for one in policies if one.get("objectId") == principal), {}
        )
        missing = lacking_policies(need.rights.policies, given)
        detail = "; ".join(f"{kind}: {' '.join(names)}" for kind, names in missing.items())
        return Checked(need, State.MISSING if missing else State.HELD, principal, f"lacks {detail}" if detail else "")

    def _principal(self, need: Need) -> str | None:
        """Return the object id of an identity; None where it is not there yet."""
        if need.holder_id not in self._principals:
            self._principals[need.holder_id] = self._read_principal(need)
        return self._principals[need.holder_id]

    def _read_principal(self, need: Need) -> str | None:
        try:
            body = self.arm.read(need.holder_id).body
        except NotFound:
            return None
        place = body.get("identity" if need.holder is Holder.ENDPOINT else "properties") or {}
        return place.get("principalId")

    def _held(self, scope: str, principal: str) -> tuple[Grant, ...]:
        """Return the roles somebody has at a scope: given there, above it, or to a group they are in."""
        key = (scope.lower(), principal)
        if key not in self._grants:
            asked = quote(f"atScope() and assignedTo('{principal}')")
            found = self.arm.listed(f"{scope}/{_AUTHORIZATION}/roleAssignments", **{"$filter": asked})
            self._grants[key] = tuple(self._given(found))
        return self._grants[key]

    def _given(self, assignments: Iterable[dict[str, Any]]) -> Iterator[Grant]:
        for one in assignments:
            properties = one.get("properties") or {}
            role = str(properties.get("roleDefinitionId") or "")
            yield Grant(role.rpartition("/")[2], str(properties.get("scope") or ""), self._allowed(role))

    def _allowed(self, role: str) -> tuple[Permission, ...]:
        """Return what a role allows; nothing where it can't be read: then only its name counts."""
        if role not in self._roles:
            try:
                body = self.arm.read(role).body
            except (NotFound, AccessDenied):
                body = {}
            listed = (body.get("properties") or {}).get("permissions") or ()
            self._roles[role] = tuple(permission_of(one) for one in listed)
        return self._roles[role]

    def _permissions(self, scope: str) -> tuple[Permission, ...]:
        """Return what the login may do at a scope; where that is not there yet, at its resource group."""
        key = scope.lower()
        if key not in self._mine:
            try:
                self._mine[key] = self._listed_permissions(scope)
            except NotFound:
                group, inside, _ = scope.partition("/providers/")
                if not inside:
                    raise
                self._mine[key] = self._permissions(group)
        return self._mine[key]

    def _listed_permissions(self, scope: str) -> tuple[Permission, ...]:
        found = self.arm.listed(f"{scope}/{_AUTHORIZATION}/permissions")
        return tuple(permission_of(one) for one in found)
