"""What a rule is judged by."""

from __future__ import annotations

from dataclasses import replace

from sluice.errors import Mark
from sluice.rollout.metrics import metrics_of
from sluice.rollout.models import Metric, MetricKind, Step
from sluice.spec.rollout import Limits, Measure, MetricRule, StepKind

AT = Mark("rollout.yaml")
ERRORS = MetricRule("errors", Measure.ERRORS, AT, worse_by=0.005, false_alarm=0.02, least_requests=7)
LATENCY = MetricRule("speed", Measure.LATENCY, AT, worse_by=0.2)
WALKED = (Step(StepKind.MIRROR, 10), Step(StepKind.HOLD), Step(StepKind.WEIGHT, 5), Step(StepKind.MIRROR, 10))


def test_errors_are_held_against_the_stable_deployments() -> None:
    (metric,) = metrics_of([ERRORS], (3,))
    kind = MetricKind.WORSE_THAN_STABLE
    assert metric == Metric("errors", kind, 0.02, 0.005, least_requests=7, steps=(3,), about="errors")


def test_what_is_tolerated_of_latency_is_in_its_threshold() -> None:
    (metric,) = metrics_of([LATENCY])
    assert (metric.kind, metric.tolerance, metric.expected) == (MetricKind.WORSE_THAN_STABLE, 0.0, 0.05)
    assert metric.about == "slower than 1.2 times the stable p95"


def test_a_rule_with_a_limit_too_gives_two_metrics_that_share_its_false_alarms() -> None:
    one, other = metrics_of([replace(ERRORS, limits=Limits(at_most=0.1))])
    assert (one.name, other.name) == ("errors", "errors limit")
    assert (other.kind, other.high, one.alpha, other.alpha) == (MetricKind.OVER_LIMIT, 0.1, 0.01, 0.01)


def test_a_limit_of_latency_is_one_of_the_share_above_it() -> None:
    (metric,) = metrics_of([replace(LATENCY, quantile=0.99, relative=False, limits=Limits(at_most=900))])
    assert (metric.name, metric.kind, metric.high, metric.alpha) == ("speed limit", MetricKind.OVER_LIMIT, 0.01, 0.01)
    assert metric.about == "slower than 900 ms"


def test_any_other_number_has_limits() -> None:
    rule = MetricRule("score", Measure.HTTP, AT, limits=Limits(at_least=3, at_most=5), failures_allowed=2)
    (metric,) = metrics_of([rule])
    assert (metric.kind, metric.low, metric.high, metric.failures_allowed) == (MetricKind.LIMIT, 3, 5, 2)


def test_tokens_are_not_judged_where_there_are_only_copies() -> None:
    tokens = MetricRule("tokens", Measure.TOKENS, AT, limits=Limits(at_most=500))
    assert [one.steps for one in metrics_of([tokens, ERRORS], (), WALKED)] == [(2, 3), ()]
    assert [one.steps for one in metrics_of([tokens], (1, 2), WALKED)] == [(2,)]
    assert [one.steps for one in metrics_of([tokens], (), WALKED[2:])] == [()]
