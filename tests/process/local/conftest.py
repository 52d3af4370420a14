"""An endpoint of the local target with a real supervisor and a real gateway; its replicas are light servers."""

from __future__ import annotations

import http.client
import json
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from sluice.plan.servers import ServerKind
from sluice.spec.frozen import frozen_map
from sluice.spec.models import Probe
from sluice.targets.local import deployments, endpoints, traffic
from sluice.targets.local.state import DeploymentState, EndpointState
from sluice.targets.local.target import LocalTarget
from sluice.targets.local.wish import Wish
from sluice.traffic.router import Routing

T = TypeVar("T")
NAME = "light"
SERVER = Path(__file__).parents[2] / "support" / "light_replica.py"
QUICK = Probe(initial_delay=10, period=1, timeout=2, failure_threshold=30)


@dataclass
class LightEndpoint:
    """An endpoint that a test deploys to, and asks."""

    target: LocalTarget
    port: int
    key: str
    threads: ThreadPoolExecutor

    @property
    def state(self) -> EndpointState:
        return self.target.endpoint(NAME).must_load()

    def wish(self, name: str, count: int = 1, **options: Any) -> Wish:
        plain = Wish(
            endpoint=NAME,
            name=name,
            server=ServerKind.FLOW,
            environment="light",
            content=None,
            model=None,
            code=None,
            variables=frozen_map({"NAME": name}),
            secret_variables=frozen_map({"KEY": "hidden"}),
            connections=frozen_map({}),
            identity=None,
            instance_count=count,
            timeout_ms=60_000,
            max_concurrent=20,
            liveness=QUICK,
            readiness=QUICK,
            inputs=frozen_map({"instanceCount": count}),
        )
        return replace(plain, **options)

    def deploy(self, name: str, count: int = 1, **options: Any) -> DeploymentState:
        return deployments.deploy(self.target, self.wish(name, count, **options))

    def switch(self, walk: str = "", **weights: int) -> None:
        traffic.set_routing(self.target, NAME, Routing(frozen_map(weights)), walk)

    def open(self, body: Any = None, **headers: str) -> http.client.HTTPResponse:
        """Ask; return the answer with its body still to be read."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        own = {"authorization": f"Bearer {self.key}", "connection": "close"}
        connection.request("POST", "/score", json.dumps(body), {**own, **named})
        return connection.getresponse()

    def ask(self, body: Any = None, **headers: str) -> Any:
        with self.open(body, **headers) as answer:
            assert answer.status == 200, answer.read()
            return json.load(answer)

    def until(self, condition: Callable[[], bool], deadline_s: float = 30.0) -> None:
        end = time.monotonic() + deadline_s
        while not condition():
            assert time.monotonic() < end, "the condition did not come true in time"
            time.sleep(0.02)

    def started(self, work: Callable[[], T]) -> Future[T]:
        """Do it in a thread; the future has its result."""
        return self.threads.submit(work)

    def pids(self) -> dict[str, int | None]:
        return {program.name: program.pid for program in self.target.supervisor.programs()}


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> Iterator[LightEndpoint]:
    """Lend an endpoint; all that runs of it is stopped in the end."""
    with tempfile.TemporaryDirectory(prefix="sl") as folder:
        monkeypatch.setenv("SLUICE_CACHE", f"{folder}/cache")
        _light_environment(Path(folder) / "cache" / "environments" / "light")
        target = LocalTarget.of(Path(folder), "dev")
        state = endpoints.create(target, NAME, "key", None, ())
        threads = ThreadPoolExecutor()
        try:
            yield LightEndpoint(target, state.port, state.primary, threads)
        finally:
            threads.shutdown()
            target.supervisor.shutdown()


def _light_environment(folder: Path) -> None:
    """Make an environment whose interpreter runs the light server, whatever it is told to run."""
    python = folder / "build" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(SERVER))} "$@"\n')
    python.chmod(0o700)
    (folder / "ready").write_text("build")
