"""Reading connections as an identity: the grant is checked here, where the secret is handed out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from sluice.errors import AccessDenied, NotFound
from sluice.plan.access import SECRETS_READER, Assignment, may_read
from sluice.targets.local.target import LocalTarget
from sluice.targets.local.usage import held_assignments

Bundle = dict[str, Any]
_REFERENCE = re.compile(r"\$\{\{\s*azureml://connections/(?P<name>[^}/\s]+)(/(?P<path>[^}\s]+))?\s*\}\}")


def read_connections(target: LocalTarget, identity: str | None, wanted: Mapping[str, str]) -> dict[str, Bundle]:
    """Return connection bundles by the name the deployment uses; `wanted` maps that name to the connection's.

    Each bundle is `{"type": ..., "configs": {...}, "secrets": {...}}`.

    Raises:
        AccessDenied: the identity lacks the role, at the workspace's and the connection's scope.
        NotFound: there is no such connection.
    """
    held = held_assignments(target.paths)
    return {used: _read(target, identity, behind, held) for used, behind in wanted.items()}


def injected(variables: Mapping[str, str], by_name: Mapping[str, Bundle], *, whole: bool) -> dict[str, str]:
    """Return the variables that refer to a connection, with what they refer to in their place.

    `by_name` has the bundles by the connections' own names. `${{azureml://connections/NAME/credentials/KEY}}`
    is a secret, `/metadata/KEY` a plain field, `/target` the address; without a path (only with `whole`) it
    is all of the connection as JSON (Azure: "access secrets from online deployment").

    Raises NotFound for a field the connection has not.
    """
    found = ((name, _REFERENCE.fullmatch(value.strip())) for name, value in variables.items())
    return {
        name: _referred(by_name[reference["name"]], reference["name"], reference["path"])
        for name, reference in found
        if reference and (whole or reference["path"])
    }


def _referred(bundle: Bundle, name: str, path: str | None) -> str:
    if not path:
        return json.dumps({"type": bundle["type"], **bundle["configs"], **bundle["secrets"]})
    part, _, key = path.partition("/")
    fields = {
        "credentials": {**bundle["secrets"], "key": bundle["secrets"].get("api_key", "")},
        "metadata": bundle["configs"],
        "target": {"": bundle["configs"].get("api_base") or bundle["configs"].get("base_url")},
    }.get(part, {})
    value = fields.get(key)
    if not value:
        have = ", ".join(sorted(f"credentials/{secret}" for secret in bundle["secrets"]))
        raise NotFound(f"connection {name} has no {path}", remedy=f"It has: {have}, metadata/..., target.")
    return str(value)


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
