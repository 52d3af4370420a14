"""The sequential test: bad ones are found early, equal ones are left alone however often one looks."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.rollout.proportions import DRIFT, Bet, Counts, interval, placed

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
    stopped = sum(stopped_after(rate, rate, 300, seed) is not None for seed in range(80))
    assert stopped <= 4  # 0.8 are expected at most; 5 of 80 at 1 % have a chance of less than 1 in 500


@simulation
def test_a_difference_within_the_tolerance_stops_nothing() -> None:
    stopped = sum(stopped_after(0.005, 0.02, 400, seed, tolerance=0.015) is not None for seed in range(80))
    assert stopped <= 4


@simulation
def test_a_difference_beyond_the_tolerance_is_found() -> None:
    assert all(stopped_after(0.005, 0.3, 500, seed, tolerance=0.02) for seed in range(50))


@simulation
def test_a_better_one_is_left_alone() -> None:
    assert not any(stopped_after(0.2, 0.1, 500, seed) for seed in range(50))


def test_without_requests_of_the_new_one_nothing_is_bet() -> None:
    bet = placed(Bet(), Counts(100, 50), Counts())
    assert bet.evidence <= 0
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


SEEN = st.tuples(st.integers(0, 300), st.integers(0, 300)).map(lambda two: Counts(max(two), min(two)))
TOLERANCES = st.sampled_from([0.0, 0.01, 0.2])
EXPECTED = st.sampled_from([0.005, 0.05])
SHARES = st.floats(0, 1)


@given(st.integers(1, 12), st.integers(1, 12), SHARES, SHARES, TOLERANCES, EXPECTED, SEEN)
def test_a_bet_never_gains_on_average_while_the_new_one_is_no_worse(
    stable: int, green: int, rate: float, share: float, tolerance: float, expected: float, seen: Counts
) -> None:
    before = placed(Bet(tolerance, expected), seen, Counts())
    high = min(rate + tolerance, 1.0) * share
    assert expected_worth(before, stable, green, rate, high) <= 1 + 1e-9


def chance_of(counts: Counts, rate: float) -> float:
    fine = counts.requests - counts.failures
    return math.comb(counts.requests, counts.failures) * rate**counts.failures * (1 - rate) ** fine


def outcomes(requests: int) -> list[Counts]:
    return [Counts(requests, failures) for failures in range(requests + 1)]


@given(st.integers(0, 12), st.integers(1, 12), SHARES, SHARES, TOLERANCES)
def test_nor_is_a_bet_in_silence_worth_more_than_its_stake_on_average(
    stable: int, green: int, rate: float, share: float, tolerance: float
) -> None:
    high = min(DRIFT * rate + tolerance, 1.0) * share
    worth = sum(
        chance_of(before, rate) * chance_of(after, high)
        * math.exp(placed(Bet(tolerance, stable=before), Counts(), after).evidence)
        for before in outcomes(stable)
        for after in outcomes(green)
    )  # fmt: skip
    assert worth <= 1 + 1e-9


@given(st.integers(0, 3), st.integers(1, 12), SHARES, SHARES, SEEN)
def test_nor_while_the_limit_holds(stable: int, green: int, limit: float, share: float, seen: Counts) -> None:
    before = placed(Bet(limit=limit), seen, Counts())
    assert expected_worth(before, stable, green, 0.5, limit * share) <= 1 + 1e-9


def ever(inside: Callable[[Counts], bool], rate: float, most: int) -> float:
    """Return the chance that the counts of requests that fail at `rate` are outside at one of the first `most`."""
    alive, out = {0: 1.0}, 0.0
    for requests in range(1, most + 1):
        reached: dict[int, float] = {}
        for failures, chance in alive.items():
            for more, part in ((0, 1 - rate), (1, rate)):
                reached[failures + more] = reached.get(failures + more, 0.0) + chance * part
        alive = {failures: chance for failures, chance in reached.items() if inside(Counts(requests, failures))}
        out += sum(chance for failures, chance in reached.items() if failures not in alive)
    return out


@pytest.mark.parametrize("limit", [0.005, 0.05, 0.4])
def test_at_its_limit_the_chance_of_a_false_alarm_over_all_looks_is_the_stated_one(limit: float) -> None:
    chance = ever(lambda counts: not placed(Bet(limit=limit), Counts(), counts).refutes(ALPHA), limit, 150)
    assert chance <= ALPHA


def test_against_a_limit_it_does_not_matter_how_requests_come_in_blocks() -> None:
    one_by_one = Bet(limit=0.05)
    for number in range(60):
        one_by_one = placed(one_by_one, Counts(), Counts(1, int(number % 7 == 0)))
    at_once = placed(Bet(limit=0.05), Counts(), Counts(60, 9))
    assert one_by_one.evidence == pytest.approx(at_once.evidence)


@simulation
def test_what_is_over_a_limit_is_found() -> None:
    bet = placed(Bet(limit=0.05), Counts(), Counts(2000, 160))
    assert bet.refutes(ALPHA)
    assert not placed(Bet(limit=0.05), Counts(), Counts(2000, 100)).refutes(ALPHA)


@pytest.mark.parametrize(("rate", "confidence"), [(0.02, 0.9), (0.3, 0.9), (0.5, 0.5), (1.0, 0.9)])
def test_an_interval_holds_at_all_looks_at_once(rate: float, confidence: float) -> None:
    def inside(counts: Counts) -> bool:
        low, high = interval(counts, confidence)
        return low <= rate <= high

    assert ever(inside, rate, 60) <= 1 - confidence


@given(SEEN, st.sampled_from([0.5, 0.95, 0.9998]))
def test_an_interval_holds_the_counted_rate_and_grows_with_confidence(counts: Counts, confidence: float) -> None:
    low, high = interval(counts, confidence)
    wider = interval(counts, (1 + confidence) / 2)
    assert 0 <= wider[0] <= low <= counts.rate <= high <= wider[1] <= 1


def test_intervals_of_nothing_and_of_much() -> None:
    assert interval(Counts()) == (0.0, 1.0)
    assert interval(Counts(10, 10))[1] == 1.0
    low, high = interval(Counts(10_000, 50))
    assert 0.0025 < low < 0.003
    assert 0.008 < high < 0.0085


def baked(rate: float, bet: Bet, blocks: int, seed: int) -> Bet:
    """Return the bet after blocks of ten requests of green alone, or where it refutes."""
    chance = random.Random(seed)
    for _ in range(blocks):
        if bet.refutes(ALPHA):
            break
        bet = placed(bet, Counts(), Counts(10, sum(chance.random() < rate for _ in range(10))))
    return bet


@pytest.mark.parametrize(("rate", "blocks"), [(0.02, 800), (0.055, 60), (0.205, 8)])
def test_one_that_goes_bad_while_the_stable_one_is_silent_is_found(rate: float, blocks: int) -> None:
    before = placed(Bet(), Counts(9000, 45), Counts())
    assert sum(baked(rate, before, blocks, seed).refutes(ALPHA) for seed in range(20)) >= 19


def test_an_equal_one_bakes_undisturbed() -> None:
    before = placed(Bet(), Counts(9000, 45), Counts())
    assert not any(baked(0.005, before, 100, seed).refutes(ALPHA) for seed in range(20))


@pytest.mark.parametrize("rate", [0.02, 0.2, 0.7])
def test_in_silence_too_the_chance_of_a_false_alarm_over_all_looks_is_the_stated_one(rate: float) -> None:
    loose = 0.3  # with less, so few requests could not refute at all
    chance = 0.0
    for before in outcomes(20):
        known = Bet(stable=before)

        def held(counts: Counts, known: Bet = known) -> bool:
            return not placed(known, Counts(), counts).refutes(loose)

        chance += chance_of(before, rate) * ever(held, min(DRIFT * rate, 1.0), 60)
    assert chance <= loose


def test_a_silent_one_of_which_nothing_is_known_says_nothing() -> None:
    assert placed(Bet(), Counts(), Counts(1000, 1000)).evidence <= 0


@pytest.mark.parametrize("tolerance", [0.0, 0.6])
def test_all_that_can_be_counted_can_be_bet_on(tolerance: float) -> None:
    bet = Bet(tolerance=tolerance)
    for stable, green in ((0, 5), (5, 0), (5, 5), (0, 0), (1000, 1)):
        for all_failed in (False, True):
            bet = placed(bet, Counts(stable, stable * all_failed), Counts(green, green * all_failed))
            assert math.isfinite(bet.evidence)
