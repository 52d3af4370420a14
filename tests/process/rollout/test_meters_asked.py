"""The meter's sources outside: addresses and commands that are asked for numbers."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from shop import AT, Shop, until

from sluice.rollout.meters.local import LocalMeter
from sluice.rollout.world import Measured
from sluice.spec.rollout import Ask, Compare, Limits, Measure, MetricRule

pytestmark = pytest.mark.process


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
