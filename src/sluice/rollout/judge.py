"""Verdicts of a rollout's metrics. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from sluice.judging.verdicts import Verdict
from sluice.rollout.models import Judged, Metric, MetricKind, Readings, Sample, Walk
from sluice.rollout.proportions import Bet, Counts, placed
from sluice.spec.frozen import frozen_map


def judged(walk: Walk, before: Mapping[str, Judged], readings: Readings) -> Mapping[str, Judged]:
    """Return what is known of every metric after `readings`."""
    return frozen_map({metric.name: _after(metric, before.get(metric.name), readings) for metric in walk.metrics})


def fresh_step(before: Mapping[str, Judged]) -> Mapping[str, Judged]:
    """Return what is known when a new step begins: the evidence stays, the step's own readings begin again."""
    return frozen_map({name: replace(one, in_step=Counts(), number=None) for name, one in before.items()})


def forgiven(before: Mapping[str, Judged]) -> Mapping[str, Judged]:
    """Return what is known after a retry: nothing of the new deployment, all of the stable one."""
    return frozen_map({name: Judged(_again(one.bet)) for name, one in before.items()})


def _again(bet: Bet) -> Bet:
    return replace(bet, logs=Bet.logs, green=Counts(), silent=Counts())


def verdict(metric: Metric, known: Judged | None) -> tuple[Verdict, str]:
    """Return what a metric says, and why in words with numbers."""
    known = known or Judged(_bet(metric))
    if metric.kind is MetricKind.LIMIT:
        return _of_number(metric, known)
    return _of_counts(metric, known)


def overall(walk: Walk, known: Mapping[str, Judged], step: int) -> tuple[Verdict, str]:
    """Return the worst verdict of the step's metrics: one that fails fails the step, one without data keeps it open."""
    judging = [metric for metric in walk.metrics if not metric.steps or step in metric.steps]
    said = [verdict(metric, known.get(metric.name)) for metric in judging]
    for wanted in (Verdict.FAIL, Verdict.INCONCLUSIVE):
        reasons = [why for found, why in said if found is wanted]
        if reasons:
            return wanted, "; ".join(reasons)
    return Verdict.PASS, "; ".join(why for _, why in said)


def _after(metric: Metric, known: Judged | None, readings: Readings) -> Judged:
    known = known or Judged(_bet(metric))
    if metric.kind is MetricKind.LIMIT:
        return _with_number(metric, known, readings)
    return _with_samples(known, readings.samples.get(metric.name, ()))


def _bet(metric: Metric) -> Bet:
    limit = metric.high if metric.kind is MetricKind.OVER_LIMIT else None
    return Bet(metric.tolerance, metric.expected, limit)


def _with_samples(known: Judged, samples: Iterable[Sample]) -> Judged:
    bet, in_step = known.bet, known.in_step
    for sample in samples:
        bet = placed(bet, sample.stable, sample.green)
        in_step += sample.green
    return replace(known, bet=bet, in_step=in_step)


def _with_number(metric: Metric, known: Judged, readings: Readings) -> Judged:
    """A source that stopped answering takes its last number with it: what was good then says nothing of now."""
    if metric.name not in readings.numbers:
        return known
    number = readings.numbers[metric.name]
    if number is None:
        return replace(known, number=None)
    outside = known.outside + 1 if _outside(metric, number) else 0
    return replace(known, number=number, outside=outside)


def _outside(metric: Metric, number: float) -> bool:
    low, high = metric.low, metric.high
    return (low is not None and number < low) or (high is not None and number > high)


def _of_number(metric: Metric, known: Judged) -> tuple[Verdict, str]:
    if known.number is None:
        return Verdict.INCONCLUSIVE, f"{metric.name}: no reading yet"
    shown = f"{metric.name}: {known.number:g}, limits {_limits(metric)}"
    if known.outside > metric.failures_allowed:
        return Verdict.FAIL, shown
    return (Verdict.INCONCLUSIVE if known.outside else Verdict.PASS), shown


def _limits(metric: Metric) -> str:
    low = "" if metric.low is None else f"at least {metric.low:g}"
    high = "" if metric.high is None else f"at most {metric.high:g}"
    return " and ".join(part for part in (low, high) if part)


def _of_counts(metric: Metric, known: Judged) -> tuple[Verdict, str]:
    green, stable = known.bet.green, known.bet.stable
    beside = f"limit {_percent(metric.high or 0)}" if known.bet.limit is not None else f"stable {_rate(stable)}"
    shown = f"{metric.name}: {_rate(green)}, {beside}"
    if known.bet.refutes(metric.alpha):
        return Verdict.FAIL, f"{shown}; chance of a false alarm at most {_percent(metric.alpha)}"
    if known.in_step.requests < metric.least_requests:
        return Verdict.INCONCLUSIVE, f"{shown}; {known.in_step.requests} of {metric.least_requests} requests needed"
    return Verdict.PASS, shown


def _rate(counts: Counts) -> str:
    return f"{_percent(counts.rate)} ({counts.failures} of {counts.requests})"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
