"""Who may read what: the grants an endpoint starts with, and what a stack's access files change.

Derived grants follow the deploy document: a system-assigned identity gets the secrets role only with
`enforce_access_to_default_secret_stores: enabled`; a user-assigned one gets the four roles of its table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sluice.spec.models import Access, Endpoint, Grant, IdentityType

WORKSPACE: Final = "workspace"
SECRETS_READER: Final = "Azure Machine Learning Workspace Connection Secrets Reader"
ENFORCE: Final = "enforce_access_to_default_secret_stores"
# Ids of built-in roles (Azure built-in roles), so that a file may name either.
ROLES: Final = {
    "ea01e6af-a1c1-4350-9563-ad00f8c72ec5": SECRETS_READER,
    "7f951dda-4ed3-4680-a7ca-43fe172d538d": "AcrPull",
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": "Storage Blob Data Reader",
    "635dd51f-9968-44d3-b7fb-6d9a6bd613ae": "AzureML Metrics Writer (preview)",
}
USER_ASSIGNED_TABLE: Final = (
    (SECRETS_READER, WORKSPACE),
    ("AcrPull", "registry"),
    ("Storage Blob Data Reader", "storage"),
    ("AzureML Metrics Writer (preview)", WORKSPACE),
)


@dataclass(frozen=True, order=True)
class Assignment:
    """A role of an identity at a scope: `workspace`, `connection/<name>`, `registry`, `storage` or an ARM id."""

    identity: str
    role: str
    scope: str


def identities_of(endpoint: Endpoint) -> tuple[str, ...]:
    """Return the names of the identities an endpoint acts as; the first reads its secrets.

    A system-assigned identity has the endpoint's name, a user-assigned one the last part of its ARM id.
    """
    if endpoint.identity.type is IdentityType.NONE:
        return ()
    if endpoint.identity.type is IdentityType.USER_ASSIGNED:
        return tuple(last_part(resource_id) for resource_id in endpoint.identity.resource_ids)
    return (endpoint.name,)


def assignments(endpoints: Iterable[Endpoint], files: Sequence[Access]) -> tuple[Assignment, ...]:
    """Return every role assignment of a stack, each once, sorted."""
    derived = set() if any(file.replace for file in files) else {a for e in endpoints for a in _derived(e)}
    granted = {_granted(grant) for file in files for grant in file.grants}
    return tuple(sorted(derived | granted))


def _granted(grant: Grant) -> Assignment:
    return Assignment(last_part(grant.identity), ROLES.get(grant.role.lower(), grant.role), grant.scope)


def last_part(identifier: str) -> str:
    """Return the name at the end of an ARM id; a plain name is its own."""
    return identifier.rstrip("/").rpartition("/")[2]


def _derived(endpoint: Endpoint) -> Iterator[Assignment]:
    for identity in identities_of(endpoint):
        if endpoint.identity.type is IdentityType.USER_ASSIGNED:
            yield from (Assignment(identity, role, scope) for role, scope in USER_ASSIGNED_TABLE)
        elif str(endpoint.properties.get(ENFORCE, "")).lower() == "enabled":
            yield Assignment(identity, SECRETS_READER, WORKSPACE)


def may_read(identity: str, connection: str, held: Iterable[Assignment]) -> bool:
    """Tell whether an identity may read a connection's secrets, at the workspace's or the connection's scope."""
    scopes = {WORKSPACE, f"connection/{connection}"}
    return any(a.identity == identity and a.role == SECRETS_READER and a.scope in scopes for a in held)
