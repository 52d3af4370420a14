"""Switches under load: all traffic from one deployment to the other and back; no request may fail.

    python bench/switches.py [--replicas light|flow] [--switches 20] [--requests 20000] [--seed 1] [--json]

`light`: light servers behind a real endpoint (Envoy, supervisor), switched as the Traffic resource does it.
`flow`: the question-answering example, switched by `sluice traffic set`.
Half of the clients keep their connection, half open one for each request. A request fails with any status but 200
and with any transport error; after a switch to one deployment alone, an answer by another one is a stray. Some
switches stop half-way, at weights the seed decides. The exit status is 1 when a request failed or strayed.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from light_endpoint import light_endpoint
from load import Load
from measuring import add_common, machine, show, show_json, wait_for_quiet
from workbench import deployed_example, scratch

Weights = dict[str, int]
QUESTION = '{"question": "When is the story hour?"}'
CLIENTS = {"light": 16, "flow": 8}
# One switch in so many goes to a share of the traffic, not to all of it.
PARTLY = 4


@dataclass(frozen=True)
class Bench:
    """An endpoint with deployments blue (which has all traffic) and green, and how to set its weights."""

    port: int
    key: str
    switch: Callable[[Weights], None]


def main() -> None:
    """Run, report, and exit with 1 when anything was lost."""
    options = _options()
    rest = random.Random(options.seed)
    weights = list(plan(options.switches, rest))
    with scratch() as folder, _light(folder) if options.replicas == "light" else _flow(folder) as bench:
        wait_for_quiet(options.quiet_load, options.wait)
        facts = machine()
        load = Load(bench.port, bench.key, QUESTION, CLIENTS[options.replicas])
        began = time.perf_counter()
        took = asyncio.run(run(load, bench.switch, weights, options.requests))
        result = summary(load, took, time.perf_counter() - began)
    if options.json:
        show_json(facts, replicas=options.replicas, seed=options.seed, **result)
    else:
        rows = [(name, _shown(value)) for name, value in result.items()]
        show(f"Switches under load: {options.replicas} replicas, seed {options.seed}", facts, ("", ""), rows)
    sys.exit(1 if load.failed or load.strays else 0)


def _options() -> argparse.Namespace:
    made = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    made.add_argument("--replicas", choices=("light", "flow"), default="light", help="what answers (default: light)")
    made.add_argument("--switches", type=int, default=20, help="how many (default: 20)")
    made.add_argument("--requests", type=int, default=20_000, help="at least so many (default: 20000)")
    made.add_argument("--seed", type=int, default=1, help="decides which switches stop half-way (default: 1)")
    add_common(made)
    return made.parse_args()


def plan(switches: int, chance: random.Random) -> Iterator[Weights]:
    """Yield the weights of each switch; blue has all traffic before the first."""
    owner, other = "blue", "green"
    for _ in range(switches):
        if chance.randrange(PARTLY) == 0:
            share = chance.randint(1, 99)
            yield {owner: 100 - share, other: share}
        else:
            owner, other = other, owner
            yield {owner: 100, other: 0}


async def run(
    load: Load, switch: Callable[[Weights], None], weights: Sequence[Weights], requests: int
) -> tuple[float, ...]:
    """Switch evenly over the requests; return the seconds each switch took."""
    took = []
    load.routed_to("blue")
    async with load:
        for number, wanted in enumerate(weights, start=1):
            await load.reached(requests * number // (len(weights) + 1))
            load.routed_to(None)
            began = time.perf_counter()
            await asyncio.to_thread(switch, wanted)
            took.append(time.perf_counter() - began)
            load.routed_to(next((name for name, weight in wanted.items() if weight == 100), None))
        await load.reached(requests)
    return tuple(took)


def summary(load: Load, took: Sequence[float], elapsed: float) -> dict[str, Any]:
    """Return what happened; latencies in milliseconds."""
    cuts = statistics.quantiles(load.latencies, n=100)
    return {
        "switches": len(took),
        "requests": load.total,
        "failed": load.failed.total(),
        "failures": dict(load.failed),
        "strays": load.strays,
        "answered": dict(sorted(load.answered.items())),
        "connections": load.connections,
        "requests a second": round(load.total / elapsed),
        "p50 ms": cuts[49] * 1e3,
        "p99 ms": cuts[98] * 1e3,
        "slowest ms": max(load.latencies) * 1e3,
        "a switch, median s": statistics.median(took),
        "a switch, slowest s": max(took),
    }


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {count}" for name, count in value.items()) or "none"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


@contextmanager
def _light(folder: Path) -> Iterator[Bench]:
    with light_endpoint(folder, ["blue", "green"]) as endpoint:
        yield Bench(endpoint.port, endpoint.key, endpoint.switch)


@contextmanager
def _flow(folder: Path) -> Iterator[Bench]:
    with deployed_example(folder / "example") as project:

        def switch(weights: Weights) -> None:
            project.must("traffic", "set", *(f"{name}={weight}" for name, weight in weights.items()), "--yes")

        yield Bench(project.port(), project.key(), switch)


if __name__ == "__main__":
    main()
