"""Who needs what on Azure, where and why: of endpoints, of whoever deploys, of a workspace's identities. Pure.

Sources: the table of "Deploy a flow to an online endpoint", "Manage compute sessions" (identities of a workspace), and
"Authentication and authorization for online endpoints".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from sluice.plan.access import SECRETS_READER, WORKSPACE, Assignment, identities_of
from sluice.plan.azure_roles import (
    METRICS_WRITER,
    OPENAI_USER,
    ROLE_IDS,
    Principal,
    azure_gives_secrets,
    given_by_azure,
    held,
    principals,
    scope_id,
)
from sluice.plan.azure_site import Site, Written
from sluice.plan.rights import Grant, Rights, lacking
from sluice.spec.models import SpecSet

ML: Final = "Microsoft.MachineLearningServices/workspaces"
LIST_SECRETS: Final = f"{ML}/connections/listsecrets/action"
ASSIGN_IDENTITY: Final = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"
WRITE_ROLES: Final = "Microsoft.Authorization/roleAssignments/write"
BLOBS: Final = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
_OWNER: Final = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
# What each role is for, and the actions in it that count: a role that has them does as well.
WHY: Final = {
    SECRETS_READER: "reads the workspace's connections when a flow runs",
    "AcrPull": "pulls the deployment's image",
    "Storage Blob Data Reader": "loads the model and the code",
    METRICS_WRITER: "reports use of CPU, GPU, disk and memory",
    OPENAI_USER: "calls Azure OpenAI by its identity: a connection has no key",
}
_ITSELF: Final = Rights()
_RIGHTS: Final = {
    SECRETS_READER: Rights((LIST_SECRETS,)),
    "AcrPull": Rights(("Microsoft.ContainerRegistry/registries/pull/read",)),
    "Storage Blob Data Reader": Rights(data_actions=(f"{BLOBS}/read",)),
    METRICS_WRITER: Rights((f"{ML}/metrics/resource/write",)),
}


class Giver(StrEnum):
    """Who gives a role: the stack itself, Azure when the endpoint is made, or an administrator."""

    SLUICE = "sluice up"
    AZURE = "Azure"
    ADMIN = "an administrator"


class Holder(StrEnum):
    """Whose principal it is: of an endpoint's own identity, a user-assigned one, whoever is logged in, or submits."""

    ENDPOINT = "endpoint"
    IDENTITY = "identity"
    YOU = "you"
    SUBMITTER = "submitter"


@dataclass(frozen=True)
class Need:
    """Somebody needs a role at a scope.

    Attributes:
        who: their name; `holder` says what they are, `holder_id` is the ARM id where they have one.
        role: name, GUID or ARM id of the role.
        scope: as people say it; `scope_id` is its ARM id.
        why: what does not work without it.
        giver: who gives it.
        rights: actions that matter; another role that has them all does as well. Empty: only the role itself.
        optional: without it something is missing that the stack can do without.
    """

    who: str
    holder: Holder
    holder_id: str
    role: str
    scope: str
    scope_id: str
    why: str
    giver: Giver
    rights: Rights = _ITSELF
    optional: bool = False


def stack_needs(specs: SpecSet, site: Site, written: Written) -> tuple[Need, ...]:
    """Return what the identities of a stack's endpoints need. Raises SpecError for a role or scope unknown."""
    known = principals(specs, site)
    given = [one for one in held(specs, site, written) if one.identity in known]
    made = (_of(one, known[one.identity], site, Giver.SLUICE) for one in given)
    own = (
        _of(one, known[endpoint.name], site, Giver.AZURE)
        for endpoint in specs.endpoints.values()
        for one in given_by_azure(endpoint)
        if site.registry or one.scope != "registry"
    )
    return tuple(sorted((*made, *own), key=lambda one: (one.who, one.scope_id, one.role)))


def _of(one: Assignment, principal: Principal, site: Site, giver: Giver) -> Need:
    return Need(
        who=principal.name,
        holder=Holder.ENDPOINT if principal.endpoint else Holder.IDENTITY,
        holder_id=principal.id or site.within("onlineEndpoints", principal.name),
        role=one.role,
        scope=one.scope,
        scope_id=scope_id(one, site),
        why=WHY.get(one.role, "access.yaml gives it"),
        giver=giver,
        rights=_RIGHTS.get(one.role, _ITSELF),
        optional=one.role == METRICS_WRITER,
    )


def deployer_needs(specs: SpecSet, site: Site, written: Written) -> tuple[Need, ...]:
    """Return what whoever runs `sluice up` needs. Raises SpecError as `stack_needs` does."""
    return tuple(_deployer(specs, site, written))


def _deployer(specs: SpecSet, site: Site, written: Written) -> Iterator[Need]:
    why = "makes endpoints, deployments and their parts (an owner, or a role with onlineEndpoints/*, does as well)"
    yield _you("Contributor", WORKSPACE, site.id, why, _making(specs))
    if any(azure_gives_secrets(one) for one in specs.endpoints.values()):
        why = "Azure lets an endpoint read connections only where whoever makes it may do so"
        yield _you("Contributor", WORKSPACE, site.id, why, (LIST_SECRETS,))
    yield from _assigning(specs, site, written)
    yield from _identities(specs, site)
    yield from _comforts(site)


def _comforts(site: Site) -> Iterator[Need]:
    """Yield what the stack can be deployed without."""
    why, actions = "reads quota before anything is made", ("Microsoft.MachineLearningServices/locations/usages/read",)
    quota = _you("Reader", "subscription", f"/subscriptions/{site.subscription}", why, actions)
    why, actions = "manages endpoints in studio, too", ("Microsoft.Resources/deployments/write",)
    studio = _you("Contributor", "resource group", site.group_id, why, actions)
    yield from (replace(one, optional=True) for one in (quota, studio))


def _making(specs: SpecSet) -> tuple[str, ...]:
    kinds = ["onlineEndpoints", "onlineEndpoints/deployments"]
    kinds += ["models/versions"] if specs.models or specs.deployments else []
    kinds += ["environments/versions"] if specs.environments or specs.deployments else []
    kinds += ["connections"] if specs.connections else []
    return (f"{ML}/read", *(f"{ML}/{kind}/write" for kind in kinds), f"{ML}/onlineEndpoints/delete")


def _assigning(specs: SpecSet, site: Site, written: Written) -> Iterator[Need]:
    scopes = {scope_id(one, site): one.scope for one in held(specs, site, written)}
    for arm_id, scope in scopes.items():
        why = "gives roles to the stack's identities; without it an administrator does"
        yield _you("Role Based Access Control Administrator", scope, arm_id, why, (WRITE_ROLES,))


def _identities(specs: SpecSet, site: Site) -> Iterator[Need]:
    used = [one for one in principals(specs, site).values() if one.endpoint is None]
    if any(one.made for one in used):
        making = ("Microsoft.ManagedIdentity/userAssignedIdentities/write",)
        yield _you("Contributor", "resource group", site.group_id, "makes the stack's identities", making)
    acting = {name for endpoint in specs.endpoints.values() for name in identities_of(endpoint)}
    for one in used:
        if one.name in acting and not one.made:
            why = "lets an endpoint act as this identity"
            yield _you("Managed Identity Operator", f"identity {one.name}", one.id, why, (ASSIGN_IDENTITY,))


def _you(role: str, scope: str, arm_id: str, why: str, actions: tuple[str, ...]) -> Need:
    return Need("you", Holder.YOU, "", role, scope, arm_id, why, Giver.ADMIN, Rights(actions))


def is_met(need: Need, grants: tuple[Grant, ...]) -> bool:
    """Tell whether somebody with these grants has what is needed: the role itself, or all that matters of it."""
    reaching = [one for one in grants if one.reaches(need.scope_id)]
    if any(same_role(one.role, need.role) for one in reaching):
        return True
    if not (need.rights.actions or need.rights.data_actions):
        return False
    return not lacking(need.rights, (permission for one in reaching for permission in one.permissions))


def same_role(guid: str, role: str) -> bool:
    """Tell whether a GUID is that of a role given by name, GUID or ARM id; an owner is a contributor, too."""
    wanted = ROLE_IDS.get(role, role).rpartition("/")[2].lower()
    return guid.lower() in {wanted, _OWNER if role == "Contributor" else wanted}
