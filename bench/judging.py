"""What judging costs those who ask: latency through the gateway with a gatekeeper at work, and without.

    python bench/judging.py [--rounds 12] [--requests 1500] [--json]

A walk stands at 10 % for green, judged by errors and latency; in every second block of requests its gatekeeper runs, in
the others it is stopped (the weights stay). What two blocks without one differ by, block by block, is the noise (A/A):
judging costs nothing that can be told where its own difference lies inside.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from light_endpoint import NAME, LightEndpoint, light_endpoint
from load import Load
from measuring import machine, parser, show, show_json, wait_for_quiet
from workbench import scratch

from sluice.rollout import local
from sluice.rollout.documents import plain_rollout
from sluice.rollout.release import Goal, release
from sluice.spec.frozen import frozen_map
from sluice.spec.rollout import Measure, MetricRule, Rollout, RolloutStep, StepKind
from sluice.traffic.router import Routing

CLIENTS, PAUSE_S = 4, 0.006
DAY_S = 86_400.0
WALK = Rollout(
    NAME,
    steps=(RolloutStep(StepKind.WEIGHT, percent=10, hold_s=DAY_S),),
    metrics=(
        MetricRule("errors", Measure.ERRORS),
        MetricRule("latency", Measure.LATENCY, quantile=0.95, worse_by=1.0),
    ),
    deadline_s=DAY_S,
)
RESAMPLES = 2000


@dataclass(frozen=True)
class Block:
    """Latencies of one block of requests, in milliseconds."""

    p50: float
    p99: float
    rate: float


def main() -> None:
    """Measure and report."""
    made = parser(__doc__.splitlines()[0], rounds=12)
    made.add_argument("--requests", type=int, default=1500, help="in each block (default: 1500)")
    options = made.parse_args()
    with scratch() as folder, light_endpoint(folder, ("blue", "green")) as endpoint:
        wait_for_quiet(options.quiet_load, options.wait)
        facts = machine()
        blocks = measured(endpoint, options.rounds, options.requests)
        local.dismiss(endpoint.target, NAME)
    result = {key: compared(blocks, key) for key in ("p50", "p99")}
    if options.json:
        show_json(facts, rate=blocks["off"][0].rate, **result)
        return
    rows = [
        (
            key,
            f"{one['off']:.3f}",
            f"{one['on']:.3f}",
            f"{one['differs']:+.3f}",
            f"{one['low']:+.3f} to {one['high']:+.3f}",
        )
        for key, one in result.items()
    ]
    title = f"Latency with and without a gatekeeper, about {blocks['off'][0].rate:.0f} requests a second"
    show(title, facts, ("ms", "without", "with", "differs", "A/A, 95 %"), rows)


def measured(endpoint: LightEndpoint, rounds: int, requests: int) -> dict[str, list[Block]]:
    """Return blocks without a gatekeeper ("off") and with one ("on"), taken in turn."""
    begin(endpoint)
    blocks: dict[str, list[Block]] = {"off": [], "on": []}
    for number in range(2 * rounds):
        case = ("off", "on", "on", "off")[number % 4]
        if case == "on":
            local.supervise(endpoint.target, NAME)
        else:
            local.dismiss(endpoint.target, NAME)
        blocks[case].append(asyncio.run(block(endpoint, requests)))
    return blocks


def begin(endpoint: LightEndpoint) -> None:
    """Start the walk, and wait until it stands at its first step."""
    plain, _ = plain_rollout(WALK, endpoint.target.paths.root)
    routing = Routing(frozen_map({"blue": 0, "green": 100}))
    asyncio.run(block(endpoint, 300))
    release(endpoint.target, Goal(NAME, routing, plain), detach=True)
    deadline = time.monotonic() + 30
    while endpoint.target.endpoint(NAME).must_load().routing.weights.get("green") != 10:
        if time.monotonic() > deadline:
            raise SystemExit("the walk did not begin")
        time.sleep(0.1)


async def block(endpoint: LightEndpoint, requests: int) -> Block:
    """Ask at a steady pace; return the latencies of all but the first tenth."""
    load = Load(endpoint.port, endpoint.key, "{}", CLIENTS, pause_s=PAUSE_S)
    began = time.perf_counter()
    async with load:
        await load.reached(requests)
    took = time.perf_counter() - began
    if load.failed:
        raise SystemExit(f"requests failed: {dict(load.failed)}")
    cuts = statistics.quantiles((1e3 * one for one in load.latencies[requests // 10 :]), n=100)
    return Block(cuts[49], cuts[98], load.total / took)


def compared(blocks: dict[str, list[Block]], key: str) -> dict[str, Any]:
    """Return the medians with and without, their difference, and the interval of differences that are noise."""
    off, on = ([getattr(one, key) for one in blocks[case]] for case in ("off", "on"))
    differs = statistics.median(on) - statistics.median(off)
    noise = sorted(_halves(off, random.Random(number)) for number in range(RESAMPLES))
    low, high = noise[RESAMPLES // 40], noise[-RESAMPLES // 40]
    inside = low <= differs <= high
    return {
        "off": statistics.median(off),
        "on": statistics.median(on),
        "differs": differs,
        "low": low,
        "high": high,
        "inside": inside,
    }


def _halves(values: Sequence[float], chance: random.Random) -> float:
    """Return what the medians of two random halves differ by."""
    mixed = chance.sample(values, len(values))
    half = len(mixed) // 2
    return statistics.median(mixed[:half]) - statistics.median(mixed[half:])


if __name__ == "__main__":
    main()
