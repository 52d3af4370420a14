"""What the gateway costs: throughput and latency through Envoy, against the replica alone, in the same run.

    python bench/gateway.py [--rounds 5] [--seconds 5] [--json]        (needs wrk: apt-get install wrk)

Two kinds of replica: a light server, which shows the gateway's own limits, and the question-answering flow in prompt
flow's own serving. wrk, Envoy and the replica share the machine, so "through" has less of it for the replica.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from light_endpoint import light_endpoint
from measuring import Series, interleaved, machine, parser, show, show_json, wait_for_quiet
from workbench import deployed_example, scratch

# Below the flow's max_concurrent_requests_per_instance (10): the gateway refuses none.
CONNECTIONS = {"light": 16, "flow": 4}
QUESTION = '{"question": "When is the story hour?"}'
SCRIPT = """
wrk.method = "POST"
wrk.body = [[BODY]]
wrk.headers["content-type"] = "application/json"
wrk.headers["authorization"] = "Bearer KEY"
function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format('\\n{"rate": %f, "p50": %f, "p99": %f, "failed": %d}\\n',
    summary.requests / summary.duration * 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, failed))
end
"""


@dataclass(frozen=True)
class Sample:
    """One run of wrk: requests a second, milliseconds, requests that failed."""

    rate: float
    p50: float
    p99: float
    failed: int


def main() -> None:
    """Measure and report."""
    made = parser(__doc__.splitlines()[0], rounds=5)
    made.add_argument("--seconds", type=int, default=5, help="of load in each repetition (default: 5)")
    options = made.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is missing; install it: apt-get install wrk")
    with scratch() as folder, ExitStack() as stack:
        cases = {**_light(folder, stack, options.seconds), **_flow(folder, stack, options.seconds)}
        for warm in cases.values():
            warm()
        wait_for_quiet(options.quiet_load, options.wait)
        facts = machine()
        found = interleaved(cases, options.rounds)
    ratios = {kind: _ratio(found[f"{kind}, alone"], found[f"{kind}, through Envoy"]) for kind in CONNECTIONS}
    if options.json:
        show_json(facts, cases={n: _plain(s) for n, s in found.items()}, ratios=ratios, connections=CONNECTIONS)
    else:
        _show(facts, found, ratios)


def _light(folder: Path, stack: ExitStack, seconds: int) -> dict[str, Callable[[], Sample]]:
    endpoint = stack.enter_context(light_endpoint(folder / "light", ["blue"]))
    return _pair(folder, "light", (endpoint.replicas["blue"], endpoint.port), endpoint.key, seconds)


def _flow(folder: Path, stack: ExitStack, seconds: int) -> dict[str, Callable[[], Sample]]:
    project = stack.enter_context(deployed_example(folder / "example"))
    replica = int(project.deployment("blue")["replicas"][0]["port"])
    return _pair(folder, "flow", (replica, project.port()), project.key(), seconds)


def _pair(folder: Path, kind: str, ports: tuple[int, int], key: str, seconds: int) -> dict[str, Callable[[], Sample]]:
    script = folder / f"{kind}.lua"
    with os.fdopen(os.open(script, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write(SCRIPT.replace("BODY", QUESTION).replace("KEY", key))
    alone, through = ports
    return {
        f"{kind}, alone": lambda: _wrk(alone, script, CONNECTIONS[kind], seconds),
        f"{kind}, through Envoy": lambda: _wrk(through, script, CONNECTIONS[kind], seconds),
    }


def _wrk(port: int, script: Path, connections: int, seconds: int) -> Sample:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", str(script)]
    url = f"http://127.0.0.1:{port}/score"
    done = subprocess.run([*command, url], capture_output=True, text=True, check=True)
    sample = Sample(**json.loads(done.stdout.splitlines()[-1]))
    assert sample.failed == 0, done.stdout
    return sample


def _ratio(alone: Sequence[Sample], through: Sequence[Sample]) -> dict[str, float]:
    return {
        "rate": _of(through, "rate").median / _of(alone, "rate").median,
        "p50 added (ms)": _of(through, "p50").median - _of(alone, "p50").median,
        "p99 added (ms)": _of(through, "p99").median - _of(alone, "p99").median,
    }


def _of(samples: Sequence[Sample], what: str) -> Series:
    return Series(tuple(getattr(sample, what) for sample in samples))


def _plain(samples: Sequence[Sample]) -> dict[str, object]:
    return {what: _of(samples, what).plain() for what in ("rate", "p50", "p99")}


def _show(
    facts: Mapping[str, object], found: Mapping[str, Sequence[Sample]], ratios: Mapping[str, Mapping[str, float]]
) -> None:
    rows = [
        (*_of(samples, "rate").row(name, ".0f"), *(f"{_of(samples, what).median:.2f}" for what in ("p50", "p99")))
        for name in sorted(found, reverse=True)
        for samples in [found[name]]
    ]
    head = ("", "requests/s", "min", "max", "p50 ms", "p99 ms")
    show("Through Envoy, against the replica alone", facts, head, rows)
    for kind, ratio in ratios.items():
        print(
            f"{kind} ({CONNECTIONS[kind]} connections): {ratio['rate']:.2f} x the replica's throughput,"
            f" p50 {ratio['p50 added (ms)']:+.2f} ms, p99 {ratio['p99 added (ms)']:+.2f} ms"
        )


if __name__ == "__main__":
    main()
