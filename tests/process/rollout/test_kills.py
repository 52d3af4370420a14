"""Killed in the middle of a walk: what serves goes on, everybody is told the truth, and the next `up` ends it well.

Each part is killed once, at a moment that a seed draws; `make soak` kills each of them at each moment.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest
from projects import wait_until
from rollout_kills import MOMENTS, STEPS, VICTIMS, kill, wrong
from rollout_stage import GREEN, Stage, dead, stage_in

from sluice.rollout.models import Phase

pytestmark = [pytest.mark.process, pytest.mark.engine]

SEED = 3


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage_in(tmp_path_factory.mktemp("kills") / "p") as stage:
        yield stage


def drawn() -> list[object]:
    moments = Random(SEED).sample(sorted(MOMENTS), len(VICTIMS))
    pairs = zip(VICTIMS, moments, strict=True)
    return [pytest.param(victim, moment, id=f"{victim} {moment}") for victim, moment in pairs]


@pytest.mark.parametrize(("victim", "moment"), drawn())
def test_a_walk_survives_the_death_of_any_part_of_it(stage: Stage, victim: str, moment: str) -> None:
    assert wrong(victim, moment, kill(stage, victim, moment)) == []


def test_when_blue_dies_nothing_moves_on_until_it_is_back(stage: Stage) -> None:
    stage.back()
    stage.plan(STEPS.replace("hold: 1s", "hold: 8s", 1))
    with stage.load():
        assert stage.up("--detach").returncode == 3
        with dead(stage, stage.replica("blue")):
            stage.until(lambda state: "blue has no replica that serves" in state.says)
            state = stage.until(lambda state: state.in_step_s > 10)
            assert (state.step, state.phase, stage.live()) == (0, Phase.WALKING, {"blue": 90, "green": 10})
            assert "blue has no replica that serves" in stage.told()["says"]
        assert stage.ended().phase is Phase.DONE
    wait_until(lambda: stage.live() == GREEN)


def test_when_blue_dies_and_the_strategy_allows_it_green_takes_over(stage: Stage) -> None:
    stage.back()
    stage.plan(f"failover: true\n{STEPS}")
    with stage.load():
        assert stage.up("--detach").returncode == 3
        stage.until(lambda state: state.step == 0)
        with dead(stage, stage.replica("blue")):
            wait_until(lambda: stage.live() == GREEN, 60)
            assert any("traffic moves to green" in event["says"] for event in stage.told()["events"])
            stage.until(lambda state: state.phase in {Phase.BAKING, Phase.DONE})
        assert stage.ended().phase is Phase.DONE
