"""The launcher's decisions."""

from __future__ import annotations

from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from sluice.targets.local.processes.keeper.liveness import Tally
from sluice.targets.local.processes.keeper.loop import LONGEST_DELAY_S, restart_delay


@given(st.integers(0, 10_000))
def test_restarts_slow_down_and_never_give_up(soon: int) -> None:
    assert 0 <= restart_delay(soon) <= restart_delay(soon + 1) <= LONGEST_DELAY_S


def test_the_first_restart_is_immediate_and_the_slowest_is_reached() -> None:
    assert [restart_delay(soon) for soon in range(9)] == [0, 0, 0.5, 1, 2, 4, 8, 10, 10]


@given(st.lists(st.booleans(), max_size=50), st.integers(1, 5))
def test_a_run_of_bad_answers_means_restart(answers: list[bool], threshold: int) -> None:
    tally = Tally(threshold, 1)
    said = [tally.add(passed=passed) for passed in answers]
    longest = max((len(list(run)) for passed, run in groupby(answers) if not passed), default=0)
    assert any(said) == (longest >= threshold)


def test_one_good_answer_does_not_clear_the_count_when_two_are_asked_for() -> None:
    tally = Tally(2, 2)
    assert [tally.add(passed=passed) for passed in (False, True, False)] == [False, False, True]


def test_two_good_answers_do() -> None:
    tally = Tally(2, 2)
    assert [tally.add(passed=passed) for passed in (False, True, True, False)] == [False] * 4
