"""Gates on noisy scores: what passes, what fails, what is open, and what is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.judging.gates import Said, judged, notes
from sluice.judging.scores import Fault, Scores, merged, read
from sluice.judging.verdicts import Verdict
from sluice.spec.frozen import frozen_map
from sluice.spec.rollout import Compare, Gate, Limits

GOOD = {"a": (4.0, 4.2), "b": (4.4, 4.2), "c": (4.1, 4.1), "d": (4.3, 4.5)}


def scores(cases: Mapping[str, Sequence[float]], *, runs: int = 1, faults: tuple[Fault, ...] = ()) -> Scores:
    found = {case: frozen_map({"relevance": tuple(answers)} if answers else {}) for case, answers in cases.items()}
    return Scores(frozen_map(found), runs=runs, faults=faults)


NONE = Limits()


def gate(*, mean: Limits = NONE, worst: Limits = NONE) -> Gate:
    return Gate("relevance", mean, worst)


def only(said: tuple[Said, ...]) -> Said:
    (one,) = said
    return one


@pytest.mark.parametrize(("limit", "verdict"), [(3.9, Verdict.PASS), (4.2, Verdict.INCONCLUSIVE), (4.6, Verdict.FAIL)])
def test_the_whole_interval_must_lie_within_the_limit(limit: float, verdict: Verdict) -> None:
    said = only(judged(gate(mean=Limits(at_least=limit)), scores(GOOD), None))  # s = 0.15, t(3) = 3.1824
    assert said.verdict is verdict
    assert "4.225 (3.986 to 4.464, 95 % sure, 4 cases)" in said.says


def test_both_ends_count() -> None:
    green = scores(GOOD)
    assert only(judged(gate(mean=Limits(3.9, 4.5)), green, None)).verdict is Verdict.PASS
    assert only(judged(gate(mean=Limits(3.9, 4.3)), green, None)).verdict is Verdict.INCONCLUSIVE
    assert only(judged(gate(mean=Limits(1.0, 3.9)), green, None)).verdict is Verdict.FAIL


def test_a_pair_is_judged_by_its_difference_however_far_cases_lie_apart() -> None:
    stable = {str(n): (float(n % 5),) for n in range(20)}
    green = {case: (value - 0.5 + 0.01 * (int(case) % 2),) for case, (value,) in stable.items()}
    limits = Limits(at_least=-0.1, compare=Compare.DIFFERENCE)
    said = only(judged(gate(mean=limits), scores(green), scores(stable)))
    assert said.verdict is Verdict.FAIL
    assert "mean less the stable one's -0.495" in said.says
    absolute = only(judged(gate(mean=Limits(at_least=1.9)), scores(green), scores(stable)))
    assert absolute.verdict is Verdict.INCONCLUSIVE, "the spread over cases hides it"


def test_a_ratio_is_judged_on_the_same_cases() -> None:
    stable = {str(n): (3.0 + n % 3,) for n in range(12)}
    green = {case: (value * 0.8 + 0.01 * (int(case) % 2),) for case, (value,) in stable.items()}
    limits = Limits(at_least=0.95, compare=Compare.RATIO)
    assert only(judged(gate(mean=limits), scores(green), scores(stable))).verdict is Verdict.FAIL
    assert only(judged(gate(mean=limits), scores(stable), scores(stable))).verdict is Verdict.PASS


def test_one_catastrophe_among_good_answers_is_found_and_named() -> None:
    green = scores({**{f"q{n}": (5.0, 5.0) for n in range(30)}, "q17": (1.0, 2.0)}, runs=2)
    stable = scores({f"q{n}": (4.0,) for n in range(30)})
    mean, worst = judged(gate(mean=Limits(at_least=4.0), worst=Limits(at_least=3.0)), green, stable)
    assert mean.verdict is Verdict.PASS
    assert (worst.verdict, worst.case, worst.value) == (Verdict.FAIL, "q17", 1.5)
    assert worst.says == 'relevance: worst case 1.5 of "q17" (answers 1, 2; stable 4) is under 3'


def test_the_worst_case_may_be_the_one_that_fell_most() -> None:
    green, stable = {"easy": (4.0,), "hard": (2.0,)}, {"easy": (5.0,), "hard": (2.0,)}
    limits = Limits(at_least=-0.5, compare=Compare.DIFFERENCE)
    said = only(judged(gate(worst=limits), scores(green), scores(stable)))
    assert (said.verdict, said.case, said.value) == (Verdict.FAIL, "easy", -1.0)


def test_other_cases_outside_are_counted() -> None:
    said = only(judged(gate(worst=Limits(at_most=1.0)), scores({"a": (2.0,), "b": (3.0,), "c": (0.0,)}), None))
    assert said.case == "b"
    assert said.says.endswith("is over 1, and so is 1 more")


@pytest.mark.parametrize(
    "limits",
    [Limits(at_least=3.0), Limits(at_least=0.5, compare=Compare.RATIO), Limits(-1.0, compare=Compare.DIFFERENCE)],
)
@pytest.mark.parametrize("green", [{}, {"a": (), "b": ()}])
def test_no_data_is_no_pass(limits: Limits, green: dict[str, tuple[float, ...]]) -> None:
    for found in judged(gate(mean=limits, worst=limits), scores(green), scores(GOOD)):
        assert found.verdict is Verdict.INCONCLUSIVE


def test_without_the_stable_deployments_scores_a_comparison_is_open() -> None:
    limits = Limits(at_least=-1.0, compare=Compare.DIFFERENCE)
    for stable in (None, scores({}), scores({"z": (1.0,)})):
        said = judged(gate(mean=limits, worst=limits), scores(GOOD), stable)
        assert {one.verdict for one in said} == {Verdict.INCONCLUSIVE}


def test_a_case_that_only_the_stable_deployment_answers_holds_a_pass_up_but_no_failure() -> None:
    stable = scores({**GOOD, "e": (4.0,)})
    open_ = only(judged(gate(mean=Limits(at_least=3.9)), scores(GOOD), stable))
    assert open_.verdict is Verdict.INCONCLUSIVE
    assert open_.says.endswith('no relevance of 1 case ("e")')
    assert only(judged(gate(mean=Limits(at_least=4.6)), scores(GOOD), stable)).verdict is Verdict.FAIL


def test_a_case_that_only_the_new_deployment_answers_is_left_out_and_told() -> None:
    stable = scores(dict.fromkeys(GOOD, (4.0,)))
    green = scores({**GOOD, "e": (1.0,)})
    limits = Limits(at_least=-0.5, compare=Compare.DIFFERENCE)
    assert only(judged(gate(mean=limits), green, stable)).verdict is Verdict.PASS
    assert notes("relevance", green, stable) == ('stable: no relevance of 1 case ("e"), left out of the comparison',)


def test_fewer_answers_than_runs_are_told() -> None:
    assert notes("relevance", scores({"a": (1.0, 2.0), "b": (1.0,)}, runs=2), None) == (
        'new: fewer than 2 answers of 1 case ("b")',
    )


def test_a_number_without_cases_is_compared_as_it_is_and_says_so() -> None:
    green, stable = (merged([run]) for text in ("4.2", "4.0") if not isinstance(run := read(metrics(text)), str))
    said = only(judged(gate(mean=Limits(at_least=4.0)), green, stable))
    assert (said.verdict, said.interval) == (Verdict.PASS, None)
    assert said.says == "relevance: number 4.2 (no cases, so no interval) is at least 4"
    limits = Limits(at_most=0.1, compare=Compare.DIFFERENCE)
    assert only(judged(gate(mean=limits), green, stable)).verdict is Verdict.FAIL
    assert only(judged(gate(worst=Limits(at_least=1.0)), green, stable)).verdict is Verdict.INCONCLUSIVE


def metrics(number: str) -> str:
    return f'{{"metrics": {{"relevance": {number}}}}}'


def test_a_metric_that_is_not_printed_is_told_with_those_that_are() -> None:
    found = only(judged(Gate("coherence", Limits(at_least=1.0)), scores(GOOD), None))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "no such score; found: relevance" in found.says


ANSWERS = st.dictionaries(
    st.sampled_from("abcdefgh"), st.lists(st.sampled_from([1.0, 3.0, 4.5, 5.0]), min_size=1, max_size=3), min_size=1
)
LIMITS = st.builds(Limits, st.none() | st.floats(-2, 6), st.none() | st.floats(-2, 6), st.sampled_from(Compare))
RANKS = {Verdict.FAIL: 0, Verdict.INCONCLUSIVE: 1, Verdict.PASS: 2}


@given(ANSWERS, ANSWERS, LIMITS, LIMITS)
def test_faults_never_help(
    green: dict[str, list[float]], stable: dict[str, list[float]], mean: Limits, worst: Limits
) -> None:
    asked = gate(mean=mean, worst=worst)
    whole = judged(asked, scores(green), scores(stable))
    faulty = judged(asked, scores(green, faults=(Fault("", "text"),)), scores(stable))
    for one, other in zip(whole, faulty, strict=True):
        assert RANKS[other.verdict] <= RANKS[one.verdict]
        assert other.verdict is not Verdict.PASS


@given(ANSWERS, LIMITS)
def test_asking_the_same_again_changes_no_verdict(green: dict[str, list[float]], mean: Limits) -> None:
    twice = {case: answers * 2 for case, answers in green.items()}
    once = judged(gate(mean=mean), scores(green), scores(green))
    again = judged(gate(mean=mean), scores(twice), scores(twice))
    assert [one.verdict for one in once] == [one.verdict for one in again]


@given(ANSWERS, st.floats(-2, 6))
def test_a_limit_is_not_held_from_both_sides(green: dict[str, list[float]], limit: float) -> None:
    under = only(judged(gate(mean=Limits(at_most=limit)), scores(green), None)).verdict
    over = only(judged(gate(mean=Limits(at_least=limit)), scores(green), None)).verdict
    assert not under is over is Verdict.FAIL
    if under is over is Verdict.PASS:
        assert all(sum(one) / len(one) == pytest.approx(limit) for one in green.values())
