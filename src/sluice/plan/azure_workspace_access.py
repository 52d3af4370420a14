"""What the user-assigned identities of a workspace need on what belongs to it. Pure.

Source: the table of "Manage compute sessions": the workspace, its storage, Key Vault (with access policies or with
roles), registry and Application Insights; and Managed Identity Operator for whoever submits runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sluice.plan.access import WORKSPACE, last_part
from sluice.plan.azure_access import ASSIGN_IDENTITY, BLOBS, Giver, Holder, Need
from sluice.plan.rights import Rights
from sluice.spec.frozen import frozen_map

ACCESS_POLICY: Final = "access policy: everything but purge"
"""Stands for a role where a vault has access policies instead of roles for its data."""

# `az keyvault set-policy`: every permission there is, without `purge`.
_WORDS: Final = {
    "key": "backup create decrypt delete encrypt get getrotationpolicy import list recover release restore rotate"
    " setrotationpolicy sign unwrapKey update verify wrapKey",
    "secret": "backup delete get list recover restore set",
    "certificate": "backup create delete deleteissuers get getissuers import list listissuers managecontacts"
    " manageissuers recover restore setissuers update",
    "storage": "backup delete deletesas get getsas list listsas recover regeneratekey restore set setsas update",
}
POLICIES: Final[Mapping[str, tuple[str, ...]]] = frozen_map({kind: tuple(_WORDS[kind].split()) for kind in _WORDS})
_CONTROL: Final = "manages it for sessions and runs"


@dataclass(frozen=True)
class Linked:
    """A workspace and what belongs to it, by ARM id; empty where it has none.

    `by_roles`: its vault gives access to data by roles; else by access policies, which is the default.
    """

    workspace: str
    storage: str = ""
    vault: str = ""
    registry: str = ""
    insights: str = ""
    by_roles: bool = False


def workspace_needs(identities: Sequence[str], linked: Linked) -> tuple[Need, ...]:
    """Return what each of a workspace's identities (ARM ids) needs, and who submits runs that act as them."""
    return tuple(need for arm_id in identities for need in (*_of_identity(arm_id, linked), _submitter(arm_id)))


def _of_identity(arm_id: str, linked: Linked) -> Iterator[Need]:
    for scope, target, role, why, rights in _table(linked):
        if target:
            yield Need(last_part(arm_id), Holder.IDENTITY, arm_id, role, scope, target, why, Giver.ADMIN, rights)


def _table(linked: Linked) -> Iterator[tuple[str, str, str, str, Rights]]:
    contributor, none = "Contributor", Rights()
    yield WORKSPACE, linked.workspace, contributor, "works in the workspace as its sessions do", none
    yield "storage", linked.storage, contributor, _CONTROL, none
    blobs = Rights(data_actions=tuple(f"{BLOBS}/{does}" for does in ("read", "write", "delete")))
    yield "storage", linked.storage, "Storage Blob Data Contributor", "reads and writes data in blobs", blobs
    why = "reads a flow's draft in the file share"
    yield "storage", linked.storage, "Storage File Data Privileged Contributor", why, none
    yield "key vault", linked.vault, contributor, _CONTROL, none
    why = "reads and writes the secrets of connections"
    if linked.by_roles:
        yield "key vault", linked.vault, "Key Vault Administrator", why, none
    else:
        yield "key vault", linked.vault, ACCESS_POLICY, why, Rights(policies=POLICIES)
    yield "registry", linked.registry, contributor, "pulls and pushes images of sessions", none
    yield "insights", linked.insights, contributor, "writes traces and metrics", none


def _submitter(arm_id: str) -> Need:
    name = last_part(arm_id)
    return Need(
        who="whoever submits runs",
        holder=Holder.SUBMITTER,
        holder_id="",
        role="Managed Identity Operator",
        scope=f"identity {name}",
        scope_id=arm_id,
        why="the identity is given to the compute of each session",
        giver=Giver.ADMIN,
        rights=Rights((ASSIGN_IDENTITY,)),
    )


def lacking_policies(wanted: Mapping[str, tuple[str, ...]], given: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return what an access policy lacks, by kind; `given` is ARM's `permissions` (keys, secrets, certificates...)."""
    found: dict[str, list[str]] = {}
    for kind, names in wanted.items():
        held = {name.lower() for name in (given.get(f"{kind}s") or given.get(kind) or ())}
        missing = [] if "all" in held else [name for name in names if name.lower() not in held]
        if missing:
            found[kind] = missing
    return found
