"""A real endpoint of the local target whose deployments are light servers: Envoy and supervisor, no Pulumi, no flow."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sluice.spec.frozen import frozen_map
from sluice.spec.models import Probe
from sluice.targets.local import deployments, endpoints, gateways, traffic
from sluice.targets.local.envoy.desired import Backend
from sluice.targets.local.processes.ports import free_port
from sluice.targets.local.processes.program import Program
from sluice.targets.local.replicas import ready
from sluice.targets.local.state import DeploymentState, Replica
from sluice.targets.local.target import LocalTarget
from sluice.traffic.router import Routing

NAME = "light"
SERVER = Path(__file__).with_name("light_server.py")
START_S = 20.0


@dataclass(frozen=True)
class LightEndpoint:
    """An endpoint, open; `replicas` are the ports behind it, by deployment."""

    target: LocalTarget
    port: int
    key: str
    replicas: dict[str, int]

    def switch(self, weights: dict[str, int]) -> None:
        """Set the weights; return when every new request follows them."""
        traffic.set_routing(self.target, NAME, Routing(frozen_map(weights)))


@contextmanager
def light_endpoint(root: Path, names: Sequence[str]) -> Iterator[LightEndpoint]:
    """Lend an endpoint with one light replica a deployment; the first has all traffic."""
    target = LocalTarget.of(root, "bench")
    state = endpoints.create(target, NAME, "key", None, ())
    try:
        ports = {name: _deploy(target, name) for name in names}
        endpoint = LightEndpoint(target, state.port, state.primary, ports)
        endpoint.switch({names[0]: 100})
        yield endpoint
    finally:
        traffic.close(target, NAME)
        for name in names:
            deployments.remove(target, NAME, name)
        endpoints.remove(target, NAME)


def _deploy(target: LocalTarget, name: str) -> int:
    """Start a light server and put it into service, in the order in which `deployments.deploy` does it."""
    replica = Replica(f"{NAME}.{name}.0", free_port())
    target.supervisor.add(
        Program(
            name=replica.program,
            argv=(sys.executable, str(SERVER), name, str(replica.port)),
            cwd=target.paths.root,
            env={"PATH": os.defpath},
        )
    )
    _wait_ready(replica)
    backend = Backend(
        name, (replica.port,), max_concurrent=1000, probe=Probe(initial_delay=0, period=1), keepalive_s=60.0
    )
    file = target.endpoint(NAME)
    with file.lock():
        deployed = DeploymentState(name, "light", (replica,), backend)
        gateways.apply(target, file.save(file.must_load().with_deployment(deployed)))
    return replica.port


def _wait_ready(replica: Replica) -> None:
    deadline = time.monotonic() + START_S
    while not ready(replica.port, "/health", 2):
        assert time.monotonic() < deadline, f"{replica.program} did not start"
        time.sleep(0.02)
