"""Intervals of a mean: against numbers reckoned by hand, and by how often they hold the truth."""

from __future__ import annotations

import math
import random
from statistics import fmean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.judging.intervals import LEAST_ALIKE, Interval, interval
from sluice.spec.rollout import Compare

SCORES = st.floats(1, 5).map(lambda x: round(x, 2))
PAIRS = st.lists(st.tuples(SCORES, SCORES), min_size=2, max_size=30)


def known(found: Interval | None) -> Interval:
    assert found is not None
    return found


def test_students_interval_of_five_cases() -> None:
    found = known(interval([1, 2, 3, 4, 5]))  # s = 1.5811, t(4) = 2.7764
    assert (found.mean, found.cases) == (3.0, 5)
    assert found.low == pytest.approx(3 - 2.776445 * math.sqrt(2.5 / 5), abs=1e-5)
    assert found.high == pytest.approx(4.96324, abs=1e-5)


def test_a_difference_is_paired_by_case() -> None:
    found = known(interval([4, 5, 3, 4], [3, 5, 2, 2], compare=Compare.DIFFERENCE))  # 1, 0, 1, 2: s = 0.8165
    assert found.mean == 1.0
    assert [found.low, found.high] == pytest.approx([1 - 1.29924, 1 + 1.29924], abs=1e-4)


def test_shares_where_all_succeed_leave_room_for_cases_nobody_saw() -> None:
    found = known(interval([1.0] * 10, shares=True))  # centre (10 + 1.9207) / 13.8415, half 2.2622 x 0.09647
    assert (found.mean, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(0.64301, abs=1e-4)


def test_shares_of_two_deployments_on_the_same_cases() -> None:
    green = [1.0] * 5 + [0.0] + [1.0] * 14
    stable = [0.0] * 5 + [1.0] + [1.0] * 14  # five got better, one worse
    found = known(interval(green, stable, compare=Compare.DIFFERENCE, shares=True))
    assert found.mean == pytest.approx(0.2)
    assert [found.low, found.high] == pytest.approx([-0.0615, 0.4264], abs=1e-3)


@given(PAIRS)
def test_the_ends_of_a_ratio_are_where_the_difference_is_just_told_from_nought(
    pairs: list[tuple[float, float]],
) -> None:
    from scipy.special import stdtrit

    green, stable = [x for x, _ in pairs], [y for _, y in pairs]
    found = interval(green, stable, compare=Compare.RATIO)
    if found is None or found.high - found.low < 1e-6:
        return
    t = float(stdtrit(len(pairs) - 1, 0.975))
    for end in (found.low, found.high):
        left = [x - end * y for x, y in pairs]
        assert abs(fmean(left)) == pytest.approx(t * stdev(left) / math.sqrt(len(left)), rel=1e-5, abs=1e-9)


@pytest.mark.parametrize(
    ("green", "stable", "compare"),
    [
        ([], None, Compare.VALUE),
        ([4.0], None, Compare.VALUE),
        ([5.0] * (LEAST_ALIKE - 1), None, Compare.VALUE),
        ([1.0, 2.0], [0.0, 0.0], Compare.RATIO),
        ([1.0, 2.0, 3.0], [-1.0, -2.0, -1.5], Compare.RATIO),
        ([1.0, 2.0, 3.0], [0.1, 5.0, 0.1], Compare.RATIO),
    ],
)
def test_where_the_cases_can_not_tell_there_is_no_interval(
    green: list[float], stable: list[float] | None, compare: Compare
) -> None:
    assert interval(green, stable, compare=compare) is None


def test_cases_that_all_agree_are_believed_when_they_are_many_enough() -> None:
    assert interval([5.0] * LEAST_ALIKE) == Interval(5.0, 5.0, 5.0, LEAST_ALIKE)


@given(PAIRS, st.sampled_from(Compare), st.randoms())
def test_an_interval_holds_its_mean_and_does_not_depend_on_the_order(
    pairs: list[tuple[float, float]], compare: Compare, chance: random.Random
) -> None:
    found = interval([x for x, _ in pairs], [y for _, y in pairs], compare=compare)
    chance.shuffle(pairs)
    again = interval([x for x, _ in pairs], [y for _, y in pairs], compare=compare)
    if found is None or again is None:
        assert (found is None) == (again is None)
        return
    assert found.low - 1e-9 <= found.mean <= found.high + 1e-9
    assert [found.low, found.high] == pytest.approx([again.low, again.high], abs=1e-6)


@given(PAIRS, st.sampled_from([Compare.VALUE, Compare.DIFFERENCE]))
def test_to_be_surer_is_to_know_less(pairs: list[tuple[float, float]], compare: Compare) -> None:
    green, stable = [x for x, _ in pairs], [y for _, y in pairs]
    sure, surer = (interval(green, stable, compare=compare, confidence=one) for one in (0.8, 0.99))
    if sure and surer:
        assert surer.low <= sure.low + 1e-9
        assert sure.high <= surer.high + 1e-9


@given(st.integers(2, 40).flatmap(lambda n: st.lists(st.sampled_from([0.0, 1.0]), min_size=n, max_size=n)))
def test_shares_stay_between_nought_and_one(answers: list[float]) -> None:
    found = known(interval(answers, shares=True))
    assert 0 <= found.low <= found.mean <= found.high <= 1
    assert found.low < found.high


def coverage(draw: object, truth: float, *, shares: bool = False, walks: int = 600) -> float:
    held = 0
    for _ in range(walks):
        found = interval(draw(), shares=shares)  # type: ignore[operator]
        held += found is not None and found.low <= truth <= found.high
    return held / walks


def test_how_often_the_interval_holds_the_truth() -> None:
    """Seeded, so always the same: nominal is 0.95; scores of 1 to 5 as judges give them, and rare failures."""
    chance = random.Random(7)
    judged = lambda: [float(chance.choices([1, 2, 3, 4, 5], [2, 3, 10, 35, 50])[0]) for _ in range(20)]  # noqa: E731
    assert coverage(judged, 4.28) >= 0.92
    rarely_failing = lambda: [float(chance.random() < 0.95) for _ in range(30)]  # noqa: E731
    assert coverage(rarely_failing, 0.95, shares=True) >= 0.94
    assert coverage(rarely_failing, 0.95) < 0.85, "Student's alone would be too sure"


def test_repeats_of_a_case_are_not_more_cases() -> None:
    """Twenty cases asked five times each: their means keep the promise, a hundred `cases` would not."""
    chance = random.Random(11)

    def answers() -> list[list[float]]:
        truths = [chance.gauss(4, 1) for _ in range(20)]
        return [[truth + chance.gauss(0, 0.3) for _ in range(5)] for truth in truths]

    assert coverage(lambda: [fmean(case) for case in answers()], 4) >= 0.93
    assert coverage(lambda: [one for case in answers() for one in case], 4) < 0.75
