"""From a rollout's metric rules to the metrics that its walk is judged by. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from sluice.rollout.models import Metric, MetricKind, Step
from sluice.spec.rollout import Compare, Limits, Measure, MetricRule, StepKind

_ROUTES = frozenset({StepKind.WEIGHT, StepKind.MIRROR, StepKind.HEADER})


def metrics_of(
    rules: Iterable[MetricRule], steps: tuple[int, ...] = (), walked: Sequence[Step] = ()
) -> tuple[Metric, ...]:
    """Return the metrics of rules that are judged in `steps`; none means all.

    A rule of ERRORS or LATENCY gives one metric against the stable deployment, one against its limit (named by
    `limit_name`), or both, which then share its chance of a false alarm; any other rule gives one LIMIT metric.
    `walked` are the walk's steps: where all that the new deployment gets is copies, tokens can't be told, so there
    they are not judged.
    """
    return tuple(_placed(metric, rule, steps, walked) for rule in rules for metric in _metrics(rule))


def limit_name(rule: str) -> str:
    """Return the name of the metric that holds a rule's counts against its own limit."""
    return f"{rule} limit"


def _metrics(rule: MetricRule) -> Iterator[Metric]:
    if rule.measure not in {Measure.ERRORS, Measure.LATENCY}:
        yield _limited(rule)
        return
    both = rule.relative and rule.limits.at_most is not None
    alpha = rule.false_alarm / 2 if both else rule.false_alarm
    if rule.relative:
        yield _relative(rule, alpha)
    if rule.limits.at_most is not None:
        yield _over_limit(rule, alpha, rule.limits.at_most)


def _relative(rule: MetricRule, alpha: float) -> Metric:
    """Of LATENCY the tolerance is in the threshold already: see `meters.samples`."""
    metric = Metric(rule.name, MetricKind.WORSE_THAN_STABLE, alpha, least_requests=rule.least_requests)
    if rule.measure is Measure.ERRORS:
        return replace(metric, tolerance=rule.worse_by, about="errors")
    times = f"{1 + rule.worse_by:g} times " if rule.worse_by else ""
    return replace(
        metric, expected=_above(rule.quantile), about=f"slower than {times}the stable p{100 * rule.quantile:g}"
    )


def _over_limit(rule: MetricRule, alpha: float, at_most: float) -> Metric:
    metric = Metric(limit_name(rule.name), MetricKind.OVER_LIMIT, alpha, least_requests=rule.least_requests)
    if rule.measure is Measure.ERRORS:
        return replace(metric, high=at_most, about="errors")
    above = _above(rule.quantile)
    return replace(metric, high=above, expected=above, about=f"slower than {at_most:g} ms")


def _above(quantile: float) -> float:
    """The share above a quantile, without the noise of binary fractions."""
    return round(1 - quantile, 9)


def _limited(rule: MetricRule) -> Metric:
    limits = rule.limits
    return Metric(
        rule.name,
        MetricKind.LIMIT,
        rule.false_alarm,
        low=limits.at_least,
        high=limits.at_most,
        failures_allowed=rule.failures_allowed,
        about=_compared(rule.measure, limits),
    )


def _compared(measure: Measure, limits: Limits) -> str:
    what = "tokens a request" if measure is Measure.TOKENS else str(measure)
    than = {Compare.DIFFERENCE: ", less the stable deployment's", Compare.RATIO: ", over the stable deployment's"}
    return f"{what}{than.get(limits.compare, '')}"


def _placed(metric: Metric, rule: MetricRule, steps: tuple[int, ...], walked: Sequence[Step]) -> Metric:
    copied = _copies_only(walked)
    if rule.measure is not Measure.TOKENS or not copied:
        return replace(metric, steps=steps)
    return replace(metric, steps=tuple(i for i in steps or range(len(walked)) if i not in copied))


def _copies_only(walked: Sequence[Step]) -> frozenset[int]:
    """Return the steps in which the new deployment gets copies of requests and no requests."""
    weight, last, found = 0, StepKind.HOLD, set()
    for index, step in enumerate(walked):
        weight = step.percent if step.kind is StepKind.WEIGHT else weight
        last = step.kind if step.kind in _ROUTES else last
        if last is StepKind.MIRROR and not weight:
            found.add(index)
    return frozenset(found)
