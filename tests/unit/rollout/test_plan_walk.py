"""From a rollout's specification to the walk."""

from __future__ import annotations

from sluice.rollout.plan_walk import walk_of
from sluice.spec.frozen import frozen_map
from sluice.spec.rollout import Load, Rollout, RolloutStep, StepKind

BLUE, GREEN = frozen_map({"blue": 100, "green": 0}), frozen_map({"blue": 0, "green": 100})
ROLLOUT = Rollout(
    "chat",
    steps=(
        RolloutStep(StepKind.LOAD, work=Load()),
        RolloutStep(StepKind.LOAD, work=Load(live=True)),
        RolloutStep(StepKind.WEIGHT, percent=10),
        RolloutStep(StepKind.PAUSE),
        RolloutStep(StepKind.BAKE, hold_s=60),
    ),
)


def test_where_no_step_gives_all_of_the_goal_one_does_before_the_bake() -> None:
    walk = walk_of(ROLLOUT, BLUE, GREEN, "v")
    kinds = [(step.kind, step.percent, step.source) for step in walk.steps]
    assert kinds[2:] == [
        (StepKind.WEIGHT, 10, 2),
        (StepKind.PAUSE, 0, 3),
        (StepKind.WEIGHT, 100, None),
        (StepKind.BAKE, 0, 4),
    ]


def test_one_that_goes_straight_takes_its_live_load_along() -> None:
    walk = walk_of(ROLLOUT, BLUE, GREEN, "v", straight=True)
    assert [(step.kind, step.source) for step in walk.steps] == [
        (StepKind.LOAD, 1),
        (StepKind.WEIGHT, None),
        (StepKind.BAKE, 4),
    ]
