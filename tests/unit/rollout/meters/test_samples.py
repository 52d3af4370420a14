"""Blocks of counts: of both deployments, in order, none lost, by thresholds that were chosen before."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import Mark
from sluice.rollout.meters.outcomes import Outcome
from sluice.rollout.meters.samples import (
    LEAST_HISTORY,
    MOST_BLOCKS,
    Seen,
    Series,
    Standing,
    begun,
    copied,
    copies_above,
    sampled,
    series_of,
    standing_of,
)
from sluice.rollout.models import Sample
from sluice.rollout.proportions import Counts
from sluice.spec.rollout import Limits, Measure, MetricRule

Ended = Callable[..., Outcome]
ERRORS = Series("errors")
LATENCY = Series("latency", latency=True, quantile=0.9, factor=1.2)


def went(ms: float = 5.0, status: int = 200, flags: str = "-") -> Outcome:
    return Outcome("some", "live", status, flags, "", replica=True, ms=ms, tokens=None, began="")


def stable(**fields: float) -> Seen:
    return False, went(**fields)  # type: ignore[arg-type]


def green(**fields: float) -> Seen:
    return True, went(**fields)  # type: ignore[arg-type]


def counts(samples: Sequence[Sample]) -> list[tuple[int, int, int, int]]:
    return [(s.stable.requests, s.stable.failures, s.green.requests, s.green.failures) for s in samples]


def test_each_request_of_green_closes_a_block_with_the_stable_ones_since_the_last() -> None:
    seen = [stable(), stable(status=500), green(), stable(), green(status=500), stable()]
    samples, standing = sampled(ERRORS, Standing(), seen, together=True)
    assert counts(samples) == [(2, 1, 1, 0), (1, 0, 1, 1)]
    assert standing.stable == Counts(1, 0)
    more, _ = sampled(ERRORS, standing, [green()], together=True)
    assert counts(more) == [(1, 0, 1, 0)]


def test_where_most_is_green_a_block_waits_for_a_stable_request() -> None:
    samples, standing = sampled(ERRORS, Standing(), [green(), green(status=500), stable(), green()], together=True)
    assert counts(samples) == [(1, 0, 2, 1)]
    assert standing.green == Counts(1, 0)


def test_a_stable_deployment_without_weight_is_not_waited_for() -> None:
    samples, standing = sampled(ERRORS, Standing(), [green(), green(status=500)], together=False)
    assert counts(samples) == [(0, 0, 1, 0), (0, 0, 1, 1)]
    assert standing == Standing()


def test_many_requests_give_few_blocks_of_one_size() -> None:
    samples, standing = sampled(ERRORS, Standing(), [stable(), green()] * 1000, together=True)
    assert {s.green.requests for s in samples} == {20}
    assert len(samples) == MOST_BLOCKS
    assert standing == Standing()


def test_who_left_before_the_answer_is_in_no_count_of_errors() -> None:
    samples, _ = sampled(
        ERRORS, Standing(), [stable(status=0), (True, went(status=0, flags="DC")), green()], together=False
    )
    assert counts(samples) == [(0, 0, 1, 0)]


def test_slow_is_strictly_above_the_quantile_of_before_and_for_green_as_much_more_as_is_tolerated() -> None:
    standing = begun(LATENCY, [float(ms) for ms in range(1, 101)])  # its 90th percentile is 90
    assert standing.threshold == pytest.approx(108)
    seen = [stable(ms=90), stable(ms=90.5), green(ms=107), stable(ms=1), green(ms=109)]
    assert counts(sampled(LATENCY, standing, seen, together=True)[0]) == [(2, 1, 1, 0), (1, 0, 1, 1)]


def test_failures_do_not_count_as_quick() -> None:
    standing = begun(LATENCY, [10.0] * 100)
    seen = [stable(ms=0.1, status=500), stable(ms=20), green(ms=0.1, status=503), green(ms=20)]
    assert counts(sampled(LATENCY, standing, seen, together=True)[0]) == [(1, 1, 1, 1)]


def test_without_enough_history_nothing_is_counted_until_there_is_enough() -> None:
    standing = begun(LATENCY, [10.0] * (LEAST_HISTORY - 2))
    samples, standing = sampled(LATENCY, standing, [stable(ms=10), green(ms=99)], together=True)
    assert (samples, standing.threshold, len(standing.history)) == ((), None, LEAST_HISTORY - 1)
    samples, standing = sampled(LATENCY, standing, [stable(ms=10), green(ms=99)], together=True)
    assert (samples, standing.threshold, standing.history) == ((), 12.0, ())
    samples, standing = sampled(LATENCY, standing, [stable(ms=10), green(ms=99)], together=True)
    assert counts(samples) == [(1, 0, 1, 1)]


def test_the_threshold_stays_where_it_was_chosen() -> None:
    """A rate above another threshold could not be compared with the one of before."""
    standing = begun(LATENCY, [10.0] * 100)
    _, after = sampled(LATENCY, standing, [stable(ms=1000), green(ms=1000)] * 500, together=True)
    assert after.threshold == standing.threshold


def test_a_limit_needs_no_history() -> None:
    series = Series("latency limit", latency=True, limit_ms=100)
    seen = [stable(ms=101), green(ms=100), stable(), green(ms=100.5)]
    assert counts(sampled(series, begun(series, []), seen, together=True)[0]) == [(1, 1, 1, 0), (1, 0, 1, 1)]


def test_with_copies_the_thresholds_are_bounds_of_histograms() -> None:
    bounds = (1.0, 2.0, 5.0, 10.0, 25.0)
    series = Series("latency", latency=True, quantile=0.9, factor=1.2, bounds=bounds)
    standing = begun(series, [7.0] * 100)
    assert standing.threshold == 10.0 == copies_above(series, standing)
    assert begun(series, [0.0] * 100).threshold == 1.0
    assert copies_above(series, Standing()) is None
    limit = Series("limit", latency=True, limit_ms=6.0, bounds=bounds)
    assert begun(limit, []).threshold == 6.0
    assert copies_above(limit, begun(limit, [])) == 10.0
    high = Series("limit", latency=True, limit_ms=99.0, bounds=bounds)
    assert copies_above(high, begun(high, [])) is None


def test_copies_are_one_block_with_the_stable_requests_beside_them() -> None:
    _, standing = sampled(ERRORS, Standing(), [stable(status=500), stable()], together=True)
    samples, standing = copied(standing, Counts(7, 2), together=True)
    assert (counts(samples), standing) == ([(2, 1, 7, 2)], Standing())
    samples, standing = copied(standing, Counts(3, 0), together=True)
    assert (samples, standing.green) == ((), Counts(3, 0))
    assert copied(standing, Counts(), together=False) == ((), standing)


def test_rules_give_a_series_for_each_metric() -> None:
    at = Mark("rollout.yaml")
    rules = [
        MetricRule("errors", Measure.ERRORS, at, limits=Limits(at_most=0.1)),
        MetricRule("speed", Measure.LATENCY, at, quantile=0.99, worse_by=0.2, limits=Limits(at_most=900)),
        MetricRule("firm", Measure.LATENCY, at, limits=Limits(at_most=800), relative=False),
        MetricRule("tokens", Measure.TOKENS, at),
    ]
    assert series_of(rules) == (
        Series("errors"),
        Series("errors limit"),
        Series("speed", latency=True, quantile=0.99, factor=1.2),
        Series("speed limit", latency=True, limit_ms=900),
        Series("firm limit", latency=True, limit_ms=800),
    )


requests = st.lists(
    st.builds(
        lambda green, ms, status: (green, went(float(ms), status)),
        st.booleans(),
        st.integers(0, 40),
        st.sampled_from([200, 200, 200, 400, 408, 500]),
    ),
    max_size=150,
)


def total(samples: Sequence[Sample], standing: Standing) -> tuple[Counts, Counts]:
    stable = sum((s.stable for s in samples), standing.stable)
    return stable, sum((s.green for s in samples), standing.green)


@given(requests, st.data())
def test_however_it_is_cut_nothing_is_lost_or_counted_twice(seen: list[Seen], data: st.DataObject) -> None:
    for series in (ERRORS, LATENCY, Series("limit", latency=True, limit_ms=20)):
        first = begun(series, [20.0] * 60)
        whole = total(*sampled(series, first, seen, together=True))
        cuts = sorted(data.draw(st.lists(st.integers(0, len(seen)), max_size=5)))
        samples: list[Sample] = []
        standing = first
        for start, end in zip([0, *cuts], [*cuts, len(seen)], strict=True):
            standing = standing_of(json.loads(json.dumps(standing.plain())))
            found, standing = sampled(series, standing, seen[start:end], together=data.draw(st.booleans()))
            samples += found
        assert total(samples, standing) == whole


@given(requests)
def test_what_a_block_holds_never_depends_on_how_its_requests_ended(seen: list[Seen]) -> None:
    fine = [(green, one._replace(status=200)) for green, one in seen]
    sizes = [
        [(s.stable.requests, s.green.requests) for s in sampled(ERRORS, Standing(), one, together=True)[0]]
        for one in (seen, fine)
    ]
    assert sizes[0] == sizes[1]
