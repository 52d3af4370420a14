"""Verdicts: what fails, what passes, what is still open, and in which words."""

from __future__ import annotations

import pytest

from sluice.judging.verdicts import Verdict
from sluice.rollout.judge import forgiven, judged, overall, verdict
from sluice.rollout.models import Metric, MetricKind, Readings, Sample, Walk
from sluice.rollout.proportions import Counts
from sluice.spec.frozen import frozen_map

LIMIT = Metric("errors", MetricKind.OVER_LIMIT, high=0.05)
ERRORS = Metric("errors", MetricKind.WORSE_THAN_STABLE)


def walk(metric: Metric) -> Walk:
    weights = frozen_map({"blue": 100, "green": 0})
    return Walk("chat", "hash", weights, weights, "blue", "green", (), (metric,))


def said(metric: Metric, *blocks: tuple[Counts, Counts]) -> tuple[Verdict, str]:
    samples = tuple(Sample(stable, green) for stable, green in blocks)
    known = judged(walk(metric), {}, Readings(samples=frozen_map({metric.name: samples})))
    return verdict(metric, known[metric.name])


def test_a_rate_over_its_limit_fails_whatever_the_stable_one_does() -> None:
    found, why = said(LIMIT, (Counts(900, 300), Counts(500, 60)))
    assert found is Verdict.FAIL
    assert why == "errors: 12 % (60 of 500), limit 5 %; chance of a false alarm at most 1 %"


def test_a_rate_over_its_limit_by_chance_does_not() -> None:
    found, why = said(LIMIT, (Counts(), Counts(500, 28)))
    assert found is Verdict.PASS
    assert why == "errors: 5.6 % (28 of 500), limit 5 %"


def test_a_limit_of_nothing_is_passed_by_nothing_alone() -> None:
    none = Metric("errors", MetricKind.OVER_LIMIT, high=0.0)
    assert said(none, (Counts(), Counts(500)))[0] is Verdict.PASS
    assert said(none, (Counts(), Counts(20, 2)))[0] is Verdict.FAIL


@pytest.mark.parametrize("metric", [LIMIT, ERRORS])
def test_few_requests_are_inconclusive(metric: Metric) -> None:
    found, why = said(metric, (Counts(90), Counts(10)))
    assert found is Verdict.INCONCLUSIVE
    assert "10 of 20 requests needed" in why


def test_the_stable_rate_is_told_beside_the_new_one() -> None:
    found, why = said(ERRORS, (Counts(9000, 45), Counts(1000, 80)))
    assert found is Verdict.FAIL
    assert why == "errors: 8 % (80 of 1000), stable 0.5 % (45 of 9000); chance of a false alarm at most 1 %"


def test_the_stated_chance_of_a_false_alarm_counts() -> None:
    block = (Counts(900, 4), Counts(100, 4))
    strict, loose = (Metric("errors", ERRORS.kind, alpha=alpha) for alpha in (0.0001, 0.2))
    assert [said(metric, block)[0] for metric in (strict, loose)] == [Verdict.PASS, Verdict.FAIL]


def test_a_retry_forgets_the_new_one_and_keeps_the_limit_and_what_is_known_of_the_stable_one() -> None:
    known = judged(walk(LIMIT), {}, Readings(samples=frozen_map({"errors": (Sample(Counts(90), Counts(90, 90)),)})))
    again = forgiven(known)
    assert verdict(LIMIT, again["errors"])[0] is Verdict.INCONCLUSIVE
    assert (again["errors"].bet.limit, again["errors"].bet.stable) == (0.05, Counts(90))
    assert overall(walk(LIMIT), known, 0)[0] is Verdict.FAIL
