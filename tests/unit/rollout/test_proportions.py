"""The sequential test: bad ones are found early, equal ones are left alone however often one looks."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.rollout.proportions import Bet, Counts, placed

ALPHA = 0.01
simulation = pytest.mark.slow


def stopped_after(stable: float, green: float, most: int, seed: int, tolerance: float = 0.0) -> int | None:
    """Return the requests of green until the test stops it; nine of stable stand beside each."""
    chance = random.Random(seed)
    bet = Bet(tolerance)
    for count in range(1, most + 1):
        failed = sum(chance.random() < stable for _ in range(9))
        bet = placed(bet, Counts(9, failed), Counts(1, int(chance.random() < green)))
        if bet.refutes(ALPHA):
            return count
    return None


# 4.6 / KL(green, 0.5 %): Wald's limit with the stable rate known; here it is not.
@pytest.mark.parametrize(("green", "limit", "runs"), [(0.015, 705, 10), (0.055, 55, 60), (0.205, 8, 200)])
@simulation
def test_a_bad_one_is_found_within_twice_the_limit(green: float, limit: int, runs: int) -> None:
    stops = [stopped_after(0.005, green, 20 * limit, seed) for seed in range(runs)]
    found = [stop for stop in stops if stop is not None]
    assert len(found) >= 0.99 * runs
    assert sum(found) / len(found) <= 2.1 * limit


@pytest.mark.parametrize("rate", [0.0, 0.005, 0.2, 0.9])
@simulation
def test_an_equal_one_is_stopped_no_more_often_than_stated(rate: float) -> None:
    stopped = sum(stopped_after(rate, rate, 500, seed) is not None for seed in range(80))
    assert stopped <= 4  # 0.8 are expected at most; 5 of 80 at 1 % have a chance of less than 1 in 500


@simulation
def test_a_difference_within_the_tolerance_stops_nothing() -> None:
    stopped = sum(stopped_after(0.005, 0.02, 1000, seed, tolerance=0.015) is not None for seed in range(100))
    assert stopped <= 4


@simulation
def test_a_difference_beyond_the_tolerance_is_found() -> None:
    assert all(stopped_after(0.005, 0.3, 500, seed, tolerance=0.02) for seed in range(50))


@simulation
def test_a_better_one_is_left_alone() -> None:
    assert not any(stopped_after(0.2, 0.1, 500, seed) for seed in range(50))


def test_without_requests_of_the_new_one_nothing_is_bet() -> None:
    bet = placed(Bet(), Counts(100, 50), Counts())
    assert bet.evidence == pytest.approx(0.0)
    assert bet.stable == Counts(100, 50)


def expected_worth(before: Bet, stable: int, green: int, low: float, high: float) -> float:
    """Return the expected worth of one block, relative to before, by summing over all that may be counted."""
    return sum(
        math.comb(stable, x) * low**x * (1 - low) ** (stable - x)
        * math.comb(green, y) * high**y * (1 - high) ** (green - y)
        * math.exp(placed(before, Counts(stable, x), Counts(green, y)).evidence - before.evidence)
        for x in range(stable + 1)
        for y in range(green + 1)
    )  # fmt: skip


@given(
    st.integers(0, 12),
    st.integers(1, 12),
    st.floats(0, 1),
    st.floats(0, 1),
    st.sampled_from([0.0, 0.01, 0.2]),
    st.tuples(st.integers(0, 300), st.integers(0, 300)),
)
def test_a_bet_never_gains_on_average_while_the_new_one_is_no_worse(
    stable: int, green: int, rate: float, share: float, tolerance: float, seen: tuple[int, int]
) -> None:
    before = placed(Bet(tolerance), Counts(max(seen), min(seen)), Counts())
    high = min(rate + tolerance, 1.0) * share
    assert expected_worth(before, stable, green, rate, high) <= 1 + 1e-9
