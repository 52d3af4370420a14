"""Who may read what: the grants an endpoint starts with, and what a stack's access files change.

Derived grants follow the deploy document: a system-assigned identity gets the secrets role only with
`enforce_access_to_default_secret_stores: enabled`; a user-assigned one gets the four roles of its table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sluice.spec.models import Access, Endpoint, IdentityType

WORKSPACE: Final = "workspace"
SECRETS_READER: Final = "Azure Machine Learning Workspace Connection Secrets Reader"
ENFORCE: Final = "enforce_access_to_default_secret_stores"
USER_ASSIGNED_TABLE: Final = (
    (SECRETS_READER, WORKSPACE),
    ("AcrPull", "registry"),
    ("Storage Blob Data Reader", "storage"),
    ("AzureML Metrics Writer (preview)", WORKSPACE),
)


@dataclass(frozen=True, order=True)
class Assignment:
    """A role of an identity at a scope: `workspace`, `connections/<name>`, `registry`, `storage` or an ARM id."""

    identity: str
    role: str
    scope: str


def identities_of(endpoint: Endpoint) -> tuple[str, ...]:
    """Return the names of the identities an endpoint acts as; the first reads its secrets."""
    if endpoint.identity.type is IdentityType.NONE:
        return ()
    if endpoint.identity.type is IdentityType.USER_ASSIGNED:
        return tuple(resource_id.rstrip("/").rpartition("/")[2] for resource_id in endpoint.identity.resource_ids)
    return (f"{endpoint.name}-identity",)


def assignments(endpoints: Iterable[Endpoint], files: Sequence[Access]) -> tuple[Assignment, ...]:
    """Return every role assignment of a stack, each once, sorted."""
    derived = set() if any(file.replace for file in files) else {a for e in endpoints for a in _derived(e)}
    granted = {Assignment(g.identity, g.role, g.scope) for file in files for g in file.grants}
    return tuple(sorted(derived | granted))


def _derived(endpoint: Endpoint) -> Iterator[Assignment]:
    for identity in identities_of(endpoint):
        if endpoint.identity.type is IdentityType.USER_ASSIGNED:
            yield from (Assignment(identity, role, scope) for role, scope in USER_ASSIGNED_TABLE)
        elif str(endpoint.properties.get(ENFORCE, "")).lower() == "enabled":
            yield Assignment(identity, SECRETS_READER, WORKSPACE)


def may_read(identity: str, connection: str, held: Iterable[Assignment]) -> bool:
    """Tell whether an identity may read a connection's secrets, at the workspace's or the connection's scope."""
    scopes = {WORKSPACE, f"connections/{connection}"}
    return any(a.identity == identity and a.role == SECRETS_READER and a.scope in scopes for a in held)
