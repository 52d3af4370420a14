"""Simulated rollouts: how often each judge stops a good deployment, and how late it stops a bad one.

    python bench/rollout_statistics.py [--rollouts 10000] [--quick] [--plots docs/benchmarks] [--json]

Each judge sees the same streams: 10,000 requests of the new deployment ("green"), each beside nine of the stable one.
Errors: 0.5 % of the stable one's. Latency: log-normal with sigma 0.5, all of green's times a factor. Sluice looks at
every block of ten requests, at alpha 1 %; the others at intervals of 100 requests of green.

- Sluice: the code of `sluice.rollout.proportions` for many rollouts at once; a sample of every scenario is judged by
  the product's own functions as well, and both must stop at the same request. Slow is what is above the 95th
  percentile of 1,000 requests of the stable one before (times 1 + effect for green).
- Flagger: as documented, 99 % success an interval, five failed checks.
- Argo: as documented, 95 % success, more than three failures; and the same with 99 %, and three in a row at 99 %.
  For latency, both hold the interval's 95th percentile against 1.1 times the true one of the stable deployment.
- Kayenta: Mann-Whitney (98 % confidence, so 1 % at this side) of intervals' error rates or 95th percentiles, against
  a baseline of as many stable requests; without its tolerance for small differences. Made for one look at the end;
  also looked at after every interval from the fifth on.

Wald's limit is log(1/alpha)/KL, with the stable rate known; the two-sample limit, for a stable rate that is measured
beside it in a given split, is log(1/alpha) over the KL to the nearest pair of equal rates.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from judges import INTERVAL, NEVER, MannWhitney, Ours, Stops, Streams, Threshold
from measuring import machine, show, show_json
from scipy.stats import binomtest, norm

STABLE = 0.005
ERRORS = (0.005, 0.015, 0.055, 0.205)
SLOWER = (1.0, 1.2, 2.37)
EFFECTS = (0.0, 0.1)
RATIO = 9
MOST = 10_000
SHORT = 1_000
ALPHA = 0.01
SIGMA = 0.5
QUANTILE = 0.95
Z = 1.6448536269514722
WARM = 1_000
SPLITS = (1, 9, 99)
CHECKED = 12


class Judge(Protocol):
    """See `judges`."""

    name: str

    def stops(self, streams: Streams) -> Stops:
        """Return the green requests served until each stop."""
        ...


@dataclass(frozen=True)
class Outcome:
    """When a judge stopped the rollouts of one scenario."""

    stops: Stops

    def stopped(self, within: int = MOST) -> float:
        """Return the share that was stopped after so many green requests or earlier."""
        return float((self.stops <= within).mean())

    @property
    def mean(self) -> float:
        """Return the mean of green requests served, at most all."""
        return float(np.minimum(self.stops, MOST).mean())

    @property
    def bounds(self) -> tuple[float, float]:
        """Return the exact 95 % interval of the share that was stopped."""
        found = binomtest(int((self.stops <= MOST).sum()), len(self.stops)).proportion_ci()
        return float(found.low), float(found.high)


Outcomes = dict[str, dict[str, Outcome]]
Make = Callable[[np.random.Generator, int], Streams]


def main() -> None:
    """Simulate and report."""
    options = _options()
    rollouts = 500 if options.quick else options.rollouts
    facts = machine()
    errors = {_rate(q): judged(options.seed, rollouts, 1000, _errors(q, RATIO), error_judges()) for q in ERRORS}
    slower = {
        _slower(by, effect): judged(options.seed, rollouts, 500, _latency(by, effect), latency_judges(effect))
        for by in SLOWER
        for effect in EFFECTS
    }
    splits = {ratio: split(options.seed, max(rollouts // 5, 100), ratio) for ratio in SPLITS}
    silence = in_silence(options.seed, rollouts)
    if options.plots:
        from statistics_plots import plots

        plots(options.plots, {**errors, **{name: slower[name] for name in slower if name.endswith("0")}}, ALPHA)
    if options.json:
        show_json(facts, rollouts=rollouts, errors=_plain(errors), latency=_plain(slower), splits=splits, **silence)
        return
    _show(facts, f"{rollouts} rollouts: errors, stable 0.5 %", errors, wald_errors())
    _show(facts, f"{rollouts} rollouts: latency", slower, wald_latency())
    _show_splits(facts, splits, silence)


def _options() -> argparse.Namespace:
    made = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    made.add_argument("--rollouts", type=int, default=10_000, help="of each scenario (default: 10000)")
    made.add_argument("--quick", action="store_true", help="500 of each scenario")
    made.add_argument("--seed", type=int, default=1, help="of the streams (default: 1)")
    made.add_argument("--plots", type=Path, metavar="FOLDER", help="write the plots there")
    made.add_argument("--json", action="store_true", help="print JSON")
    return made.parse_args()


def error_judges() -> tuple[Judge, ...]:
    """Return all judges, for errors; a threshold of 99 % success is 1 % errors."""
    return (
        Ours(),
        Ours("Sluice, read in blocks of 100", block=10),
        Threshold("Flagger: 99 %, 5 failed checks", 0.01, 5),
        Threshold("Argo: 95 %, failureLimit 3", 0.05, 4),
        Threshold("Argo: 99 %, failureLimit 3", 0.01, 4),
        Threshold("Argo: 99 %, 3 in a row", 0.01, 3, in_a_row=True),
        MannWhitney("Kayenta, at every interval"),
        MannWhitney("Kayenta, once at the end", once=True),
    )


def latency_judges(effect: float) -> tuple[Judge, ...]:
    """Return all judges, for latency; with an effect Sluice alone, for the others know of none."""
    if effect:
        return (Ours(expected=1 - QUANTILE),)
    limit = 1.1 * math.exp(SIGMA * Z)
    return (
        Ours(expected=1 - QUANTILE),
        Threshold("Flagger: 1.1 x p95, 5 failed checks", limit, 5),
        Threshold("Argo: 1.1 x p95, failureLimit 3", limit, 4),
        Threshold("Argo: 1.1 x p95, 3 in a row", limit, 3, in_a_row=True),
        MannWhitney("Kayenta, at every interval"),
        MannWhitney("Kayenta, once at the end", once=True),
    )


def judged(seed: int, rollouts: int, chunk: int, make: Make, judges: Sequence[Judge]) -> dict[str, Outcome]:
    """Return what every judge says of the same rollouts."""
    found: dict[str, list[Stops]] = {judge.name: [] for judge in judges}
    for number, streams in enumerate(_chunks(seed, rollouts, chunk, make)):
        for judge in judges:
            stops = judge.stops(streams)
            found[judge.name].append(stops)
            if number == 0 and isinstance(judge, Ours):
                check(judge, streams, stops)
    return {name: Outcome(np.concatenate(parts)) for name, parts in found.items()}


def check(judge: Ours, streams: Streams, stops: Stops) -> None:
    """Raise AssertionError where the product's own code stops one of the first rollouts at another request."""
    for row in range(min(CHECKED, len(stops))):
        by_product = judge.stop_by_product(streams, row)
        assert by_product == stops[row], f"{judge.name}, rollout {row}: {by_product}, simulated {stops[row]}"


def _chunks(seed: int, rollouts: int, chunk: int, make: Make) -> Iterator[Streams]:
    chance = np.random.default_rng(seed)
    for start in range(0, rollouts, chunk):
        yield make(chance, min(chunk, rollouts - start))


def _errors(green: float, ratio: int, most: int = MOST) -> Make:
    def make(chance: np.random.Generator, rows: int) -> Streams:
        of_stable = chance.binomial(ratio, STABLE, (rows, most)).astype(np.int16)
        of_green = (chance.random((rows, most), dtype=np.float32) < green).astype(np.int16)
        beside = chance.random((rows, most), dtype=np.float32) < of_stable / ratio
        series = _by_interval(of_green).mean(axis=2)
        return Streams(ratio, of_stable, of_green, series, _by_interval(beside).mean(axis=2), series)

    return make


def _by_interval(blocks: np.ndarray) -> np.ndarray:
    return blocks.reshape(len(blocks), -1, INTERVAL)


def _latency(slower: float, effect: float) -> Make:
    """Of nine stable requests one is timed, for the baseline; of the others it is drawn whether they are slow."""

    def make(chance: np.random.Generator, rows: int) -> Streams:
        limit = np.quantile(_times_of(chance, (rows, WARM)), QUANTILE, axis=1)[:, None]
        baseline = _times_of(chance, (rows, MOST))
        green = _times_of(chance, (rows, MOST)) * np.float32(slower)
        others = chance.binomial(RATIO - 1, norm.sf(np.log(limit) / SIGMA), (rows, MOST))
        series = np.quantile(_by_interval(green), QUANTILE, axis=2)
        return Streams(
            RATIO,
            (others + (baseline > limit)).astype(np.int16),
            (green > limit * (1 + effect)).astype(np.int16),
            series,
            np.quantile(_by_interval(baseline), QUANTILE, axis=2),
            series,
        )

    return make


def _times_of(chance: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return np.exp(np.float32(SIGMA) * chance.standard_normal(shape, dtype=np.float32))


def kl(of: float, beside: float) -> float:
    """Return the Kullback-Leibler divergence of two Bernoulli distributions, in nats."""
    return of * math.log(of / beside) + (1 - of) * math.log((1 - of) / (1 - beside))


def wald_errors() -> dict[str, float]:
    """Return Wald's limit of green requests, by rate of errors."""
    return {_rate(q): math.log(1 / ALPHA) / kl(q, STABLE) for q in ERRORS if q > STABLE}


def wald_latency() -> dict[str, float]:
    """Return Wald's limit of green requests, by scenario of latency."""
    slow = {
        (by, effect): float(norm.sf(Z - math.log(by / (1 + effect)) / SIGMA)) for by in SLOWER for effect in EFFECTS
    }
    return {_slower(*key): math.log(1 / ALPHA) / kl(q, 1 - QUANTILE) for key, q in slow.items() if key[0] > 1}


def two_sample_limit(green: float, ratio: int) -> float:
    """Return the limit of green requests with `ratio` of stable beside each, none of the rates known."""
    pooled = (ratio * STABLE + green) / (ratio + 1)
    return math.log(1 / ALPHA) / (ratio * kl(STABLE, pooled) + kl(green, pooled))


def split(seed: int, rollouts: int, ratio: int) -> dict[str, dict[str, float]]:
    """Return, by rate of green, the mean of green requests until the stop, and the limits."""
    found = {}
    for green in (q for q in ERRORS if q > STABLE):
        outcome = judged(seed, rollouts, 1000, _errors(green, ratio), (Ours(),))["Sluice"]
        wald, limit = wald_errors()[_rate(green)], two_sample_limit(green, ratio)
        found[_rate(green)] = {"mean": outcome.mean, "two-sample limit": limit, "wald": wald}
    return found


def in_silence(seed: int, rollouts: int) -> dict[str, Any]:
    """Return what happens while the stable deployment is silent, after 1,000 blocks that compared both.

    False alarms are counted over the whole, stops from when it fell silent.
    """
    return {"silence": {_rate(q): _silent(seed, rollouts, q) for q in ERRORS}}


def _silent(seed: int, rollouts: int, rate: float) -> dict[str, float]:
    stops = np.concatenate(
        [_silent_stops(np.random.default_rng([seed, n]), 500, rate) for n in range(max(rollouts // 500, 1))]
    )
    late = stops[stops > SHORT]
    served = np.minimum(late, SHORT + MOST) - SHORT
    return {"stopped": float((stops != NEVER).mean()), "mean": float(served.mean())}


def _silent_stops(chance: np.random.Generator, rows: int, rate: float) -> Stops:
    both = chance.random((rows, SHORT)) < STABLE
    green = np.concatenate([both, chance.random((rows, MOST)) < rate], axis=1).astype(np.int16)
    stable = chance.binomial(RATIO, STABLE, (rows, SHORT)).astype(np.int16)
    judge, streams = Ours(), Streams(RATIO, stable, green)
    stops = judge.stops(streams)
    check(judge, streams, stops)
    return stops


def _rate(share: float) -> str:
    return f"{100 * share:.3g} %"


def _slower(factor: float, effect: float) -> str:
    return f"p95 +{100 * (factor - 1):.0f} %, effect {effect:g}"


def _plain(outcomes: Outcomes) -> dict[str, dict[str, dict[str, Any]]]:
    return {
        scenario: {
            name: {
                "stopped": one.stopped(),
                "stopped within 1,000": one.stopped(SHORT),
                "bounds": one.bounds,
                "mean": one.mean,
                "median": float(np.median(np.minimum(one.stops, MOST))),
            }
            for name, one in by_judge.items()
        }
        for scenario, by_judge in outcomes.items()
    }


def _show(facts: Mapping[str, Any], title: str, outcomes: Outcomes, limits: Mapping[str, float]) -> None:
    for scenario, by_judge in outcomes.items():
        rows = [(name, *_cells(one, limits.get(scenario))) for name, one in by_judge.items()]
        head = ("", "stopped", "interval", "in 1,000", "mean", "median", "x Wald")
        show(f"{title}; green {scenario}", facts, head, rows)


def _cells(one: Outcome, limit: float | None) -> Iterator[str]:
    low, high = one.bounds
    yield f"{one.stopped():.2%}"
    yield f"{low:.2%} - {high:.2%}"
    yield f"{one.stopped(SHORT):.1%}"
    yield f"{one.mean:,.0f}" if one.mean >= 100 else f"{one.mean:.1f}"
    yield f"{np.median(np.minimum(one.stops, MOST)):,.0f}"
    yield f"{one.mean / limit:.2f}" if limit else ""


def _show_splits(
    facts: Mapping[str, Any], splits: Mapping[int, dict[str, dict[str, float]]], silence: Mapping[str, Any]
) -> None:
    rows = [
        (f"{ratio}:1, green {rate}", f"{one['mean']:.1f}", *(f"{one['mean'] / one[limit]:.2f}" for limit in LIMITS))
        for ratio, by_rate in splits.items()
        for rate, one in by_rate.items()
    ]
    show("Sluice, by split of stable to green", facts, ("", "mean", *(f"x {limit}" for limit in LIMITS)), rows)
    rows = [
        (f"green {rate}", f"{one['stopped']:.2%}", f"{one['mean']:,.0f}") for rate, one in silence["silence"].items()
    ]
    show("Sluice, stable silent after 9,000 of its requests", facts, ("", "stopped", "mean after"), rows)


LIMITS = ("two-sample limit", "wald")

if __name__ == "__main__":
    main()
