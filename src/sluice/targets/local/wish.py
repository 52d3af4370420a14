"""What a deployment is wished to be, and which of its processes can stay: pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from sluice.plan.runtimes import Routes, Runtime
from sluice.plan.servers import ServerKind
from sluice.spec.frozen import frozen_map
from sluice.spec.models import Probe
from sluice.targets.local.serving.commands import paths_of
from sluice.targets.local.state import DeploymentState, Replica


@dataclass(frozen=True)
class Wish:
    """A deployment as its specification asks for it. Times in milliseconds or, for probes, seconds.

    `environment` is a key of the environments' cache or, for containers, an image's id. `routes` are those of a
    container's own server. `inputs` is all of it as it was asked for, without secrets: what a later read gives back.
    """

    endpoint: str
    name: str
    server: ServerKind
    environment: str
    content: str | None
    model: Mapping[str, Any] | None
    code: Mapping[str, Any] | None
    variables: Mapping[str, str]
    secret_variables: Mapping[str, str] = field(repr=False)
    connections: Mapping[str, str]
    identity: str | None
    instance_count: int
    timeout_ms: int
    max_concurrent: int
    liveness: Probe
    readiness: Probe
    runtime: Runtime = Runtime.PROCESS
    routes: Routes | None = None
    instance_type: str | None = None
    mount_path: str | None = None
    inputs: Mapping[str, Any] = field(default_factory=frozen_map)

    @property
    def title(self) -> str:
        """Return `endpoint/deployment`."""
        return f"{self.endpoint}/{self.name}"

    @property
    def liveness_path(self) -> str:
        """Return where a replica tells whether it lives."""
        return self.routes.liveness if self.routes else paths_of(self.server)[0]

    @property
    def readiness_path(self) -> str:
        """Return where a replica tells whether it takes requests."""
        return self.routes.readiness if self.routes else paths_of(self.server)[0]

    @property
    def score_path(self) -> str:
        """Return where a replica takes requests."""
        return self.routes.scoring if self.routes else paths_of(self.server)[1]


def revision_of(wish: Wish, credentials: Mapping[str, Any]) -> str:
    """Return a hash of all that the processes see: a change of it means new processes.

    Scale, time limits and readiness are the gateway's business and leave the processes as they are.
    """
    seen: dict[str, Any] = {
        "runtime": wish.runtime,
        "server": wish.server,
        "environment": wish.environment,
        "content": wish.content,
        "code": wish.code,
        "variables": dict(wish.variables),
        "secret": dict(wish.secret_variables),
        "credentials": dict(credentials),
        "liveness": vars(wish.liveness),
        "folder": (wish.model or {}).get("folder"),
    }
    if wish.runtime is Runtime.DOCKER:
        seen |= _seen_in_a_container(wish)
    text = json.dumps(seen, sort_keys=True, default=dict)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _seen_in_a_container(wish: Wish) -> dict[str, Any]:
    """Return what only a container sees: its routes, its limits, and the path its model is mounted at."""
    model = wish.model or {}
    return {
        "routes": vars(wish.routes) if wish.routes else None,
        "instance_type": wish.instance_type,
        "mount_path": wish.mount_path,
        "model": (model.get("name"), model.get("version")),
    }


def replicas_to_keep(
    current: DeploymentState | None, revision: str, wanted: int, running: Collection[str]
) -> tuple[Replica, ...]:
    """Return the replicas of the live deployment that serve on: same revision, running, at most `wanted`."""
    if current is None or current.revision != revision:
        return ()
    return tuple(replica for replica in current.replicas if replica.program in running)[:wanted]


def program_names(wish: Wish, taken: Collection[str]) -> Iterator[str]:
    """Yield names for new replicas' programs: `endpoint.deployment.number`, none of them taken."""
    names = (f"{wish.endpoint}.{wish.name}.{number}" for number in count())
    return (name for name in names if name not in taken)
