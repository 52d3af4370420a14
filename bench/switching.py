"""Switches under load: Envoy through Sluice, against nginx, HAProxy, Caddy, Traefik and kamal-proxy, in one run.

    python bench/switching.py [--switches 40] [--requests 50000] [--rounds 2] [--json]

All stand before the same two light servers and get the same load, one after the other, every second round in reverse;
half of the clients keep their connection, half open one for each request. A switch sends all traffic to the other
server. Times run from the order: to the first answer by the new server, to the last request that began and was still
answered by the old one, and to the order's own return. A proxy whose command is not on PATH is left out with a
message; see `proxies` for how to get them.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from light_endpoint import NAME, light_endpoint
from load import Answer, Load
from measuring import interleaved, machine, parser, show, show_json, wait_for_quiet
from proxies import PROXIES, Missing, Proxy
from workbench import scratch

from sluice.spec.frozen import frozen_map
from sluice.targets.local import traffic
from sluice.targets.local.target import LocalTarget
from sluice.traffic.router import Routing

OURS = "Envoy, Sluice"
CLIENTS = 16
QUESTION = '{"question": "When is the story hour?"}'
NAMES = ("blue", "green")


@dataclass(frozen=True)
class Switched:
    """Seconds from an order: to the new server's first answer, to the old one's last request, to its return."""

    first: float
    last: float
    returned: float


@dataclass(frozen=True)
class Run:
    """One run against one proxy."""

    switched: tuple[Switched, ...]
    requests: int
    failed: int
    failures: Mapping[str, int]
    elapsed: float


@dataclass
class Watched(Load):
    """A load that notes when each server's answers came since the last order, and when their requests began."""

    first_answers: dict[str, float] = field(default_factory=dict)
    last_begun: dict[str, float] = field(default_factory=dict)

    def ordered(self) -> float:
        """Forget what was before, and return the time of the order."""
        self.first_answers.clear()
        self.last_begun.clear()
        return time.perf_counter()

    def _count(self, answer: Answer, era: int, took: float) -> None:
        super()._count(answer, era, took)
        ended = time.perf_counter()
        self.first_answers.setdefault(answer.deployment, ended)
        self.last_begun[answer.deployment] = max(self.last_begun.get(answer.deployment, 0.0), ended - took)


@dataclass
class Case:
    """A proxy under test; remembers who owns the traffic between runs."""

    proxy: Proxy
    key: str
    switches: int
    requests: int

    def __post_init__(self) -> None:
        self._owners = cycle(NAMES[::-1])

    def __call__(self) -> Run:
        return asyncio.run(self._run())

    async def _run(self) -> Run:
        load = Watched(self.proxy.port, self.key, QUESTION, CLIENTS, name_header="x-name")
        began, switched = time.perf_counter(), []
        async with load:
            for number in range(1, self.switches + 1):
                await load.reached(self.requests * number // (self.switches + 1))
                switched.append(await self._switch(load, next(self._owners)))
            await load.reached(self.requests)
        elapsed = time.perf_counter() - began
        return Run(tuple(switched), load.total, load.failed.total(), dict(load.failed), elapsed)

    async def _switch(self, load: Watched, owner: str) -> Switched:
        """Switch, and wait until every client has had two answers by the new server in a row."""
        other = NAMES[NAMES[0] == owner]
        ordered = load.ordered()
        await asyncio.to_thread(self.proxy.switch, owner)
        returned = time.perf_counter() - ordered
        while owner not in load.first_answers:
            await load.reached(load.total + 1)
        await load.reached(load.total + 2 * CLIENTS)
        while time.perf_counter() - load.last_begun.get(other, ordered) < SETTLED_S:
            await load.reached(load.total + 1)
        last = max(load.last_begun.get(other, ordered) - ordered, 0.0)
        return Switched(load.first_answers[owner] - ordered, last, returned)


SETTLED_S = 0.25


def main() -> None:
    """Measure and report; the exit status is 1 when a request through Sluice failed."""
    options = _options()
    with scratch() as folder, ExitStack() as stack:
        cases, missing = _cases(folder, stack, options)
        for name, why in missing.items():
            print(f"left out: {name}: {why}", file=sys.stderr)
        wait_for_quiet(options.quiet_load, options.wait)
        facts = machine()
        found = {name: _merged(runs) for name, runs in interleaved(cases, options.rounds).items()}
    if options.json:
        show_json(facts, missing=missing, clients=CLIENTS, proxies=found)
    else:
        rows = [(name, *_cells(one, found[OURS])) for name, one in found.items()]
        show("Switches under load (milliseconds from the order; in brackets: times ours)", facts, HEAD, rows)
    sys.exit(1 if found[OURS]["failed"] else 0)


HEAD = ("", "first answer", "p95", "old one's last", "p95", "returned", "failed of 10^5", "requests/s")


def _options() -> argparse.Namespace:
    made = parser(__doc__.splitlines()[0], rounds=2)
    made.add_argument("--switches", type=int, default=40, help="in each round (default: 40)")
    made.add_argument("--requests", type=int, default=50_000, help="at least so many in each round (default: 50000)")
    return made.parse_args()


def _cases(
    folder: Path, stack: ExitStack, options: argparse.Namespace
) -> tuple[dict[str, Callable[[], Run]], dict[str, str]]:
    endpoint = stack.enter_context(light_endpoint(folder / "ours", NAMES))
    # In a process of its own, as the gatekeeper is: the load has this one's interpreter.
    pool = stack.enter_context(ProcessPoolExecutor(1, get_context("spawn")))

    def ours(owner: str) -> None:
        pool.submit(_set, folder / "ours", owner).result()

    ours(NAMES[0])
    made = partial(Case, key=endpoint.key, switches=options.switches, requests=options.requests)
    cases: dict[str, Callable[[], Run]] = {OURS: made(Proxy(endpoint.port, ours))}
    missing = {}
    for name, start in PROXIES.items():
        own = folder / name.split()[0]
        own.mkdir()
        try:
            cases[name] = made(stack.enter_context(start(own, endpoint.replicas, NAMES[0])))
        except Missing as why:
            missing[name] = str(why)
    return cases, missing


def _set(root: Path, owner: str) -> None:
    """Send all traffic to one deployment, as the gatekeeper does it."""
    weights = frozen_map({name: 100 * (name == owner) for name in NAMES})
    traffic.set_routing(LocalTarget.of(root, "bench"), NAME, Routing(weights))


def _merged(runs: Sequence[Run]) -> dict[str, Any]:
    """Return the figures of all rounds; times in milliseconds."""
    switched = [one for run in runs for one in run.switched]
    requests = sum(run.requests for run in runs)
    failures: dict[str, int] = {}
    for run in runs:
        for what, count in run.failures.items():
            failures[what] = failures.get(what, 0) + count
    times = {
        what: {"median": statistics.median(values) * 1e3, "p95": _p95(values) * 1e3, "max": max(values) * 1e3}
        for what in ("first", "last", "returned")
        for values in [[getattr(one, what) for one in switched]]
    }
    return {
        "switches": len(switched),
        "requests": requests,
        "failed": sum(run.failed for run in runs),
        "failures": failures,
        "rate": requests / sum(run.elapsed for run in runs),
        **times,
    }


def _p95(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=20, method="inclusive")[18]


def _cells(one: Mapping[str, Any], ours: Mapping[str, Any]) -> tuple[str, ...]:
    first, last = one["first"], one["last"]
    ratio = first["median"] / ours["first"]["median"]
    return (
        f"{first['median']:.1f} ({ratio:.1f})",
        f"{first['p95']:.1f}",
        f"{last['median']:.1f}",
        f"{last['p95']:.1f}",
        f"{one['returned']['median']:.1f}",
        f"{1e5 * one['failed'] / one['requests']:,.0f}",
        f"{one['rate']:,.0f}",
    )


if __name__ == "__main__":
    main()
