"""Containers of replicas: the files their runners need, and taking away what a killed runner left."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sluice.errors import DockerFailed
from sluice.targets.local.docker.containers import GRACE_S, Order, container_spec
from sluice.targets.local.docker.engine import Refused, Unreachable
from sluice.targets.local.docker.host import Host, connected
from sluice.targets.local.docker.limits import limits_of
from sluice.targets.local.docker.runner import Place
from sluice.targets.local.docker.spec import (
    CONNECTIONS_FILE,
    ENVIRONMENT_FILE,
    ContainerSpec,
    container_name,
    document,
    parse,
)
from sluice.targets.local.files import read_text, write_json, write_private
from sluice.targets.local.state import Replica
from sluice.targets.local.target import LocalTarget
from sluice.targets.local.wish import Wish

SPEC_FILE: Final = "container.json"
RUNNER_GRACE_S: Final = GRACE_S + 15.0
"""How long a runner has to end its container, and to remove it."""


@dataclass(frozen=True)
class Given:
    """What a replica is given: variables, those that are secret, and granted connections."""

    variables: Mapping[str, str]
    secret_variables: Mapping[str, str]
    connections: Mapping[str, Any]


def host_for(target: LocalTarget, wish: Wish) -> Host:
    """Return this machine's Docker; say what limits a deployment's replicas get. Raises DockerFailed."""
    host = Host.here()
    said = limits_of(wish.instance_type, host.machine.size)[1]
    if said:
        target.report(said)
    return host


def runner_command(target: LocalTarget, wish: Wish, replica: Replica, home: Path, given: Given) -> tuple[str, ...]:
    """Write what the runner of a replica needs into `home`; return its command.

    Raises DockerFailed, StorageFailed, and SpecError as `server_command` does.
    """
    secrets = home / "secrets"
    order = Order(
        name=container_name(target.paths.root, replica.program),
        wish=wish,
        replica=replica,
        host=host_for(target, wish),
        user=(os.getuid(), os.getgid()),
        secrets=secrets,
        content=target.models.content(wish.content) if wish.content else None,
        code=target.models.content(wish.code["contentHash"]) if wish.code else None,
        variables=given.variables,
        granted=bool(given.connections),
    )
    spec = container_spec(order)
    write_json(secrets / ENVIRONMENT_FILE, dict(given.secret_variables))
    if given.connections:
        write_json(secrets / CONNECTIONS_FILE, dict(given.connections))
    write_private(home / SPEC_FILE, document(spec))
    return sys.executable, "-I", "-m", "sluice.targets.local.docker.runner", str(home / SPEC_FILE)


def remove_left(target: LocalTarget, home: Path) -> None:
    """Remove the container that a killed runner left behind; where Docker is gone, say so and go on."""
    if not Place(home).mark.exists():
        return
    text = read_text(home / SPEC_FILE)
    if text is None:
        return
    spec = parse(text)
    try:
        _remove(spec)
    except (DockerFailed, Unreachable, Refused) as error:
        target.report(f"container {spec.name} may be left, remove it with docker rm -f: {error}")


def remove_all_left(target: LocalTarget) -> None:
    """Remove every container that killed runners of this stack left behind."""
    for home in (target.paths.root / "replicas").glob("*"):
        with suppress(ValueError, KeyError, TypeError):  # a damaged file must not stop an end by force
            remove_left(target, home)


def _remove(spec: ContainerSpec) -> None:
    engine = connected(spec.address)
    found = engine.find(spec.name)
    if found:
        engine.remove(found.id)
