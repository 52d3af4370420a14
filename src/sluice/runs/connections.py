"""The connections a run is given: all of the stack, for a run acts as its user."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sluice.errors import NotFound, SecretMissing
from sluice.spec.findings import nearest
from sluice.spec.load import load_specs
from sluice.spec.models import Connection
from sluice.spec.settings import load_settings
from sluice.spec.terms import SecretReference, SecretScheme
from sluice.targets.local.secrets import Bundle
from sluice.targets.local.target import LocalTarget


def user_connections(project: Path, stack: str, used: Iterable[str], environ: Mapping[str, str]) -> dict[str, Bundle]:
    """Return the stack's connections by name, with their secrets.

    A secret comes from the variable it names, or as `sluice up` has stored it. Those that the flow is not seen to use
    are left out where a secret of theirs is not there.

    Args:
        project: the project's folder.
        stack: whose connections.
        used: names of those that the flow uses.
        environ: this process's environment.

    Raises:
        NotFound: a connection that is used is in no specification.
        SecretMissing: a secret of one that is used is neither set nor stored.
    """
    known = load_specs(project, load_settings(project, stack).specs, stack).connections
    stored = {one["name"]: one for one in LocalTarget.of(project, stack).records("connections").values()}
    wanted = set(used)
    for name in sorted(wanted - known.keys()):
        meant = nearest(name, list(known))
        remedy = f"Did you mean `{meant}`?" if meant else f"Add connections/{name}.yaml."
        raise NotFound(f"the flow uses connection {name}, which no specification of stack {stack} has", remedy=remedy)
    found = {name: _bundle(one, stored.get(name, {}), environ, must=name in wanted) for name, one in known.items()}
    return {name: bundle for name, bundle in found.items() if bundle is not None}


def _bundle(
    connection: Connection, stored: Mapping[str, Any], environ: Mapping[str, str], *, must: bool
) -> Bundle | None:
    secrets = {}
    for key, reference in connection.secrets.items():
        value = _value(reference, environ) or (stored.get("secrets") or {}).get(key)
        if value is None and must:
            raise _missing(connection, reference)
        if value is None:
            return None
        secrets[key] = value
    return {"type": connection.type, "configs": dict(connection.configs), "secrets": secrets}


def _value(reference: SecretReference, environ: Mapping[str, str]) -> str | None:
    if reference.scheme is SecretScheme.LITERAL:
        return reference.name
    return environ.get(reference.name) if reference.scheme is SecretScheme.ENV else None


def _missing(connection: Connection, reference: SecretReference) -> SecretMissing:
    shown = f"${{{reference.scheme}:{reference.name}}}"
    set_it = f"Set it (export {reference.name}=...), or run" if reference.scheme is SecretScheme.ENV else "Run"
    return SecretMissing(
        f"connection {connection.name} needs {shown}, which is not set here",
        remedy=f"{set_it} sluice up, which stores it for this stack.",
        at=reference.at,
    )


def worker_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return what a flow's processes inherit: the user's variables, without those of this Python and of Pulumi."""
    own = ("PULUMI_", "PYTHON", "VIRTUAL_ENV", "SLUICE_")
    kept = {name: value for name, value in environ.items() if not name.startswith(own)}
    # The exporter that prompt flow loads asks a server of its maker for settings, telemetry or not.
    quiet = {
        "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED": "true",
        "PYTHONUNBUFFERED": "1",
        "PF_LOGGING_LEVEL": "WARNING",
    }
    return {**quiet, **kept}
