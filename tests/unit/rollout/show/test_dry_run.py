"""A walk that has not begun, in words."""

from __future__ import annotations

import json

import pytest
from syrupy.assertion import SnapshotAssertion
from walks import STEPS, walk_of

from sluice.errors import Mark
from sluice.rollout.models import Step
from sluice.rollout.show_walk import held_s, plain_walk, walk_lines, work_words
from sluice.rollout.show_words import WIDTH
from sluice.spec.rollout import (
    Evaluate,
    Gate,
    Limits,
    Load,
    OnFailure,
    Parity,
    Rollout,
    RolloutStep,
    StepKind,
    Webhook,
    Work,
)

AT = Mark("rollout.yaml")
EVALUATE = Evaluate(("python", "evaluate.py"), gates=(Gate("relevance", Limits(4.0), Limits(2.0)),), repeats=3)
ROLLOUT = Rollout("chat", AT, (RolloutStep(StepKind.EVALUATE, AT, says="quality", work=EVALUATE),), fast_track_s=86_400)
WALK = walk_of(Step(StepKind.EVALUATE, says="quality", source=0), *STEPS)


def test_as_lines(snapshot: SnapshotAssertion) -> None:
    found = walk_lines(WALK, ROLLOUT)
    assert "\n".join(line.text for line in found) == snapshot
    assert max(len(line.text) for line in found) <= WIDTH


def test_as_json(snapshot: SnapshotAssertion) -> None:
    plain = plain_walk(WALK, ROLLOUT)
    assert plain == snapshot
    assert json.loads(json.dumps(plain)) == plain


def test_the_least_time_is_all_holds_and_the_bake() -> None:
    assert held_s(WALK) == 60 + 60 + 1800


def test_one_that_holds_says_so_and_one_without_metrics_too() -> None:
    found = walk_lines(walk_of(metrics=(), on_failure=OnFailure.HOLD), Rollout("chat", AT))
    text = "\n".join(line.text for line in found)
    assert "nothing is measured" in text
    assert "holds there" in text


@pytest.mark.parametrize(
    ("work", "words"),
    [
        (Webhook("https://gate.example/secret-path"), "asks another system (POST), for at most 10 min"),
        (Load(50, 5, failures_allowed=0.01), "50 requests to green, 5 a second; at most 1 % may fail"),
        (
            Load(rate=5, live=True),
            "5 requests a second by the weights from here to the end of the rollout; judged like all",
        ),
        (Evaluate(address="https://judge.example/secret-path"), "asks an address: no gate"),
        (Parity(), "the same requests to blue and green, answers compared (exact): mean at least 1, worst at least 0"),
    ],
)
def test_work_in_words_without_addresses(work: Work, words: str) -> None:
    assert work_words(work, WALK) == words
