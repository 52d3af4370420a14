"""What a deployment is wished to be, and which of its processes can stay: pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from sluice.plan.servers import ServerKind
from sluice.spec.models import Probe, frozen_map
from sluice.targets.local.state import DeploymentState, Replica


@dataclass(frozen=True)
class Wish:
    """A deployment as its specification asks for it. Times in milliseconds or, for probes, seconds.

    `inputs` is all of it as it was asked for, without secrets: what a later read gives back.
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
    inputs: Mapping[str, Any] = field(default_factory=frozen_map)

    @property
    def title(self) -> str:
        """Return `endpoint/deployment`."""
        return f"{self.endpoint}/{self.name}"


def revision_of(wish: Wish, credentials: Mapping[str, Any]) -> str:
    """Return a hash of all that the processes see: a change of it means new processes.

    Scale, time limits and readiness are the gateway's business and leave the processes as they are.
    """
    seen = {
        "server": wish.server,
        "environment": wish.environment,
        "content": wish.content,
        "code": wish.code,
        "variables": dict(wish.variables),
        "secret": dict(wish.secret_variables),
        "credentials": dict(credentials),
        "liveness": vars(wish.liveness),
    }
    text = json.dumps(seen, sort_keys=True, default=dict)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


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
