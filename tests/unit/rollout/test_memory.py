"""What is remembered of a version: that it was given up, that it was seen good."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sluice.rollout.files import Ended
from sluice.rollout.memory import given_up, seen_good
from sluice.rollout.models import Phase
from sluice.spec.frozen import frozen_map

BLUE, GREEN = frozen_map({"blue": 100}), frozen_map({"green": 100})
WALK = Ended("1", "chat", "green-1", "blue-1", "blue", "green", BLUE, GREEN, 100.0, 200.0, Phase.DONE, 3, "")
BAD = replace(WALK, id="2", phase=Phase.ROLLED_BACK, began=300.0, ended=400.0)


@pytest.mark.parametrize("phase", [Phase.ROLLED_BACK, Phase.ABORTED])
def test_a_version_that_was_given_up_is_known(phase: Phase) -> None:
    assert given_up([replace(BAD, phase=phase)], "green-1") is not None
    assert given_up([replace(BAD, phase=phase)], "green-2") is None


def test_a_good_end_or_forgiveness_clears_it() -> None:
    assert given_up([BAD, replace(WALK, id="3")], "green-1") is None
    assert given_up([replace(BAD, forgiven=True)], "green-1") is None
    assert given_up([WALK, BAD], "green-1") == BAD


def test_what_reached_its_goal_lately_was_seen_good() -> None:
    assert seen_good([WALK], "green-1", 150.0)
    assert not seen_good([WALK], "green-1", 250.0)
    assert not seen_good([], "green-1", 0.0)


def test_so_was_what_served_when_a_walk_began() -> None:
    assert seen_good([BAD], "blue-1", 250.0)
    assert not seen_good([BAD], "blue-1", 350.0)


def test_what_was_given_up_after_that_is_not_good() -> None:
    assert not seen_good([WALK, BAD], "green-1", 0.0)
    assert seen_good([WALK, replace(BAD, forgiven=True)], "green-1", 0.0)
