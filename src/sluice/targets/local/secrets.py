"""Reading connections as an identity: the grant is checked here, where the secret is handed out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sluice.errors import AccessDenied, NotFound
from sluice.plan.access import SECRETS_READER, Assignment, may_read
from sluice.targets.local.target import LocalTarget
from sluice.targets.local.usage import held_assignments

Bundle = dict[str, Any]


def read_connections(target: LocalTarget, identity: str | None, wanted: Mapping[str, str]) -> dict[str, Bundle]:
    """Return connection bundles by the name the deployment uses; `wanted` maps that name to the connection's.

    Each bundle is `{"type": ..., "configs": {...}, "secrets": {...}}`.

    Raises:
        AccessDenied: the identity lacks the role, at the workspace's and the connection's scope.
        NotFound: there is no such connection.
    """
    held = held_assignments(target.paths)
    return {used: _read(target, identity, behind, held) for used, behind in wanted.items()}


def _read(target: LocalTarget, identity: str | None, connection: str, held: tuple[Assignment, ...]) -> Bundle:
    if identity is None or not may_read(identity, connection, held):
        raise AccessDenied(
            f"identity {identity or '(none)'} lacks role '{SECRETS_READER}' at scope workspace,"
            f" which reading connection {connection} needs",
            remedy="Grant it in access.yaml, or set enforce_access_to_default_secret_stores on the endpoint.",
        )
    record = target.records("connections").get(connection)
    if record is None:
        raise NotFound(f"connection {connection} does not exist here", remedy="Create it: sluice up")
    return {key: record.get(key) or {} for key in ("type", "configs", "secrets")}
