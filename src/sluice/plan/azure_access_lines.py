"""The `az` line that gives what is needed, for an administrator to run. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from sluice.plan.azure_access import Holder, Need
from sluice.plan.azure_roles import ROLE_IDS
from sluice.plan.azure_site import Site


def az_line(need: Need, site: Site, principal: str = "") -> str:
    """Return the line. `principal` is the object id of who needs it; without one the line looks it up itself."""
    holder = principal or _looked_up(need, site)
    if need.rights.policies:
        return _policy_line(need, holder)
    name, guid = need.role, ROLE_IDS.get(need.role)
    said = f"  # {name}" if guid else ""
    who = f"--assignee-object-id {holder} --assignee-principal-type {_type(need)}"
    return (
        f"az role assignment create {who} --role {shlex.quote(guid or name)} --scope {shlex.quote(need.scope_id)}{said}"
    )


def _type(need: Need) -> str:
    return "ServicePrincipal" if need.holder in {Holder.ENDPOINT, Holder.IDENTITY} else "User"


def _looked_up(need: Need, site: Site) -> str:
    if need.holder is Holder.IDENTITY:
        return f'"$(az identity show --ids {shlex.quote(need.holder_id)} --query principalId -o tsv)"'
    if need.holder is Holder.ENDPOINT:
        place = f"-n {need.who} -w {shlex.quote(site.workspace)} -g {shlex.quote(site.resource_group)}"
        return f'"$(az ml online-endpoint show {place} --query identity.principal_id -o tsv)"'
    return "OBJECT_ID"


def _policy_line(need: Need, holder: str) -> str:
    parts: Mapping[str, tuple[str, ...]] = need.rights.policies
    given = " ".join(f"--{kind}-permissions {' '.join(names)}" for kind, names in parts.items())
    vault = need.scope_id.rpartition("/")[2]
    return f"az keyvault set-policy --name {shlex.quote(vault)} --object-id {holder} {given}"
