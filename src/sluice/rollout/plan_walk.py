"""From a rollout's specification, the live weights and the goal to the walk between them. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from sluice.rollout.metrics import metrics_of
from sluice.rollout.models import Metric, Step, Walk
from sluice.spec.rollout import HeaderRule, Load, Rollout, RolloutStep, StepKind
from sluice.traffic.router import Cohort
from sluice.traffic.weights import Weights


def needs_walk(live: Weights, goal: Weights) -> bool:
    """Tell whether traffic is to move from some deployments to others: opening and closing an endpoint is no walk."""
    gains = any(weight > live.get(name, 0) for name, weight in goal.items())
    return gains and sum(live.values()) == 100 and sum(goal.values()) == 100


def walk_of(rollout: Rollout, stable: Weights, goal: Weights, version: str, *, straight: bool = False) -> Walk:
    """Return the walk from `stable` to `goal`, both 100 in sum; `version` is the hash of what is to go live.

    Where no step gives all of the goal, the last one does, before the bake. One that goes `straight` there, since the
    version was seen good before, has only these two, and the live loads.
    """
    names = list(dict.fromkeys([*stable, *goal]))
    green = max(names, key=lambda name: goal.get(name, 0) - stable.get(name, 0))
    blue = min(names, key=lambda name: goal.get(name, 0) - stable.get(name, 0))
    steps = tuple(_straight(rollout) if straight else _steps(rollout.steps, green))
    return Walk(
        endpoint=rollout.endpoint_name,
        goal_hash=version,
        stable=stable,
        goal=goal,
        blue=blue,
        green=green,
        steps=steps,
        metrics=tuple(_metrics(rollout, steps)),
        on_failure=rollout.on_failure,
        failover=rollout.failover,
        deadline_s=rollout.deadline_s,
    )


def version_of(endpoint: str, goal: Weights, revisions: Mapping[str, str], rollout: Mapping[str, Any]) -> str:
    """Return the hash of what is to go live: the weights, what runs behind those above 0, and how it is judged."""
    live = {name: [weight, revisions.get(name, "")] for name, weight in sorted(goal.items()) if weight}
    text = json.dumps([endpoint, live, rollout], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _steps(written: tuple[RolloutStep, ...], green: str) -> Iterator[Step]:
    whole = any(step.kind is StepKind.WEIGHT and step.percent == 100 for step in written)
    for source, step in enumerate(written):
        if step.kind is StepKind.BAKE and not whole:
            yield Step(StepKind.WEIGHT, 100)
            whole = True
        yield Step(step.kind, step.percent, step.hold_s, _cohort(step.header, green), step.says, source)
    if not whole:
        yield Step(StepKind.WEIGHT, 100)


def _straight(rollout: Rollout) -> Iterator[Step]:
    for source, step in enumerate(rollout.steps):  # without traffic it would pass no gate either
        if isinstance(step.work, Load) and step.work.live:
            yield Step(StepKind.LOAD, says=step.says, source=source)
    yield Step(StepKind.WEIGHT, 100)
    for source, step in enumerate(rollout.steps):
        if step.kind is StepKind.BAKE:
            yield Step(StepKind.BAKE, hold_s=step.hold_s, source=source)


def _cohort(rule: HeaderRule | None, green: str) -> Cohort | None:
    return Cohort(green, rule.name, rule.values, rule.cohort_percent) if rule else None


def _metrics(rollout: Rollout, steps: tuple[Step, ...]) -> Iterator[Metric]:
    yield from metrics_of(rollout.metrics, (), steps)
    for index, step in enumerate(steps):
        if step.source is not None:
            yield from metrics_of(rollout.steps[step.source].metrics, (index,), steps)
