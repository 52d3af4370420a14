"""Evaluations compared and judged, paired by line."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sluice.errors import UsageError
from sluice.judging.verdicts import Verdict
from sluice.runs.comparing import Wanted, compared, judgement, markdown, plain_comparison, plain_judgement
from sluice.runs.scoring import means, printed, scores_of
from sluice.runs.store import RunFolder, RunStore

MakeRun = Callable[..., RunFolder]
SCORES = [4.0, 4.4, 4.1, 4.3, 4.2, 4.0, 4.5, 4.1]


def outputs(scores: list[float]) -> list[dict[str, Any]]:
    return [{"relevance": score, "words": "text"} for score in scores]


def test_differences_are_paired_by_line_and_the_deepest_falls_are_named(make_run: MakeRun) -> None:
    after = [score + 0.2 for score in SCORES]
    after[3] = 1.0
    found = compared(make_run("a", outputs(SCORES)), make_run("b", outputs(after)))
    (one,) = found.differences
    assert (one.metric, one.lines) == ("relevance", 8)
    assert one.falls == (("3", 4.3, 1.0),)
    assert one.says == "no difference that can be told"
    assert "| relevance | 4.2 |" in markdown(found)
    assert "line 3 4.3 → 1" in markdown(found)


def test_a_shift_of_every_line_is_told_though_lines_differ_more_among_each_other(make_run: MakeRun) -> None:
    noise = random.Random(3)
    before = [noise.uniform(1, 5) for _ in range(12)]
    after = [score - 0.2 + noise.uniform(-0.05, 0.05) for score in before]
    (one,) = compared(make_run("a", outputs(before)), make_run("b", outputs(after))).differences
    assert one.says == "lower"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(st.lists(st.tuples(st.floats(1, 5), st.floats(1, 5)), min_size=1, max_size=8))
def test_turning_a_comparison_round_turns_its_sign(
    make_run: MakeRun, store: RunStore, pairs: list[tuple[float, float]]
) -> None:
    for folder in store.all():
        (folder.path / "run.json").unlink()
    a, b = make_run("a", outputs([x for x, _ in pairs])), make_run("b", outputs([y for _, y in pairs]))
    there, back = (plain_comparison(compared(*both))["metrics"][0] for both in ((a, b), (b, a)))
    assert there["difference"] == pytest.approx(-back["difference"])
    if there["low"] is not None:
        assert there["low"] == pytest.approx(-back["high"])


@pytest.mark.parametrize(
    ("wanted", "verdict"),
    [
        (Wanted("relevance", at_least=3.9), Verdict.PASS),
        (Wanted("relevance", at_least=4.2), Verdict.INCONCLUSIVE),
        (Wanted("relevance", at_least=4.9), Verdict.FAIL),
        (Wanted("relevance", worst_at_least=4.2), Verdict.FAIL),
        (Wanted("relevance", at_least=3.9, max_drop=0.5), Verdict.PASS),
        (Wanted("relevance", max_drop=0.1), Verdict.FAIL),
        (Wanted("relevance", max_rise=0.1), Verdict.PASS),
    ],
)
def test_a_gate_passes_fails_or_is_open(make_run: MakeRun, wanted: Wanted, verdict: Verdict) -> None:
    baseline = make_run("base", outputs([score + 0.3 for score in SCORES]))
    assert judgement(make_run("new", outputs(SCORES)), baseline, [wanted]).verdict is verdict


def test_a_line_that_failed_turns_a_pass_into_inconclusive(make_run: MakeRun) -> None:
    found = judgement(make_run("new", [*outputs(SCORES), "boom"]), None, [Wanted("relevance", at_least=3.9)])
    assert found.verdict is Verdict.INCONCLUSIVE
    assert plain_judgement(found)["gates"][0]["says"].endswith('; no relevance of 1 case ("8")')


def test_a_score_that_is_no_number_is_told_and_other_texts_are_not(make_run: MakeRun) -> None:
    found = judgement(
        make_run("new", [*outputs(SCORES), {"relevance": "four", "words": "x"}]),
        None,
        [Wanted("relevance", at_least=3)],
    )
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "relevance of line 8 is four, not a number" in found.said[0].says
    assert "words" not in found.said[0].says


def test_what_can_not_be_compared_is_refused(make_run: MakeRun) -> None:
    one = make_run("one", outputs(SCORES))
    other = make_run("other", outputs(SCORES), data={"path": "e", "sha256": "1" * 64, "lines": 8})
    with pytest.raises(UsageError, match="different data"):
        compared(one, other)
    with pytest.raises(UsageError, match="8 and 2 lines"):
        compared(one, make_run("short", outputs(SCORES[:2])))
    with pytest.raises(UsageError, match="run open is interrupted"):
        compared(one, make_run("open", outputs(SCORES), status="running"))
    with pytest.raises(UsageError, match="share no numeric output"):
        compared(one, make_run("texts", [{"words": "x"}] * 8))
    with pytest.raises(UsageError, match="no limit is given"):
        judgement(one, None, [Wanted("relevance")])
    with pytest.raises(UsageError, match="need a run to compare with"):
        judgement(one, None, [Wanted("relevance", max_drop=0.1)])
    with pytest.raises(UsageError, match="no line of the run has a number `relevanse`") as caught:
        judgement(one, None, [Wanted("relevanse", at_least=1)])
    assert caught.value.remedy == "Did you mean `relevance`?"


def test_scores_are_what_a_rollouts_step_reads(make_run: MakeRun) -> None:
    run = make_run("new", [{"relevance": 4, "ok": True}, "boom"], metrics={"relevance": 4.0, "note": "fine"})
    assert printed(run) == {
        "metrics": {"relevance": 4.0},
        "cases": [{"id": "0", "metrics": {"relevance": 4.0, "ok": 1.0}}, {"id": "1", "metrics": {}}],
    }
    assert [(one.metric, one.mean, one.cases) for one in means(scores_of(run))] == [("relevance", 4, 1), ("ok", 1, 1)]
