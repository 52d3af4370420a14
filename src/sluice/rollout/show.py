"""A walk as people and scripts see it: one value from its log, and the same as JSON. Pure.

`show_text` makes lines of it, `show_history` shows those that have ended, `show_walk` one that has not begun.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from sluice.judging.verdicts import Verdict
from sluice.rollout.files import Ended, Event, Open
from sluice.rollout.judge import verdict
from sluice.rollout.machine import routing
from sluice.rollout.models import ENDED, Judged, Metric, MetricKind, Phase, State, Step, Walk
from sluice.rollout.proportions import Counts, interval
from sluice.rollout.show_words import cleaned, stamp
from sluice.rollout.world import Tallied
from sluice.spec.frozen import frozen_map
from sluice.spec.rollout import StepKind
from sluice.traffic.router import Cohort, Routing

Json = dict[str, Any]
CONFIDENCE = 0.95


class Options(NamedTuple):
    """What the commands that are proposed need behind them: ` -s prod`, ` -e chat`, or nothing."""

    stack: str = ""
    endpoint: str = ""


@dataclass(frozen=True)
class StepShown:
    """A step: `state` is `done`, `current`, `stopped` or `to_come`; `held_s` is known of the current one only."""

    number: int
    kind: StepKind
    does: str
    state: str
    weights: Mapping[str, int]
    hold_s: float
    held_s: float | None = None


@dataclass(frozen=True)
class Share:
    """What was counted of one deployment; the rate lies between `low` and `high` with a confidence of 95 %."""

    requests: int
    failures: int
    rate: float
    low: float
    high: float


@dataclass(frozen=True)
class MetricShown:
    """A metric: what is known of both deployments (or the one number), and what that means.

    `judged` tells whether it counts in the current step; `trouble` is why there was no reading last time.
    """

    metric: Metric
    judged: bool
    stable: Share | None
    green: Share | None
    number: float | None
    in_step: int
    verdict: Verdict
    says: str
    trouble: str = ""


class Next(NamedTuple):
    """A command that a person can give now, and what it does."""

    command: str
    does: str


@dataclass(frozen=True)
class View:
    """A walk at one moment. Times are seconds since 1970; `ended` is what the history says of it."""

    id: str
    walk: Walk
    phase: Phase
    step: int
    says: str
    who: str
    began: float
    now: float
    alive: bool
    live: Routing | None
    steps: tuple[StepShown, ...]
    metrics: tuple[MetricShown, ...]
    events: tuple[Event, ...]
    tally: Mapping[str, Tallied]
    next: tuple[Next, ...]
    elapsed_s: float
    ended: Ended | None = None

    @property
    def open(self) -> bool:
        """Whether the walk goes on."""
        return self.phase not in ENDED

    @property
    def until(self) -> float:
        """When the walk ended; now while it goes on."""
        return self.now if self.open else (self.ended.ended if self.ended else self._last)

    @property
    def _last(self) -> float:
        return self.events[-1].when if self.events else self.now


@dataclass(frozen=True)
class Around:
    """What the log does not tell: the time, whether a gatekeeper lives, what is live, what the history says."""

    now: float
    alive: bool
    live: Routing | None = None
    ended: Ended | None = None
    options: Options = field(default_factory=Options)


def view(walk: Open, around: Around) -> View:
    """Return what is to be seen of a walk; without live weights, those of the last reading are shown."""
    state = _settled(walk.state, around.ended)
    read = walk.last.readings.live if walk.last else None
    return View(
        id=walk.started.id,
        walk=state.walk,
        phase=state.phase,
        step=state.step,
        says=cleaned(state.says),
        who=cleaned(walk.started.who),
        began=walk.started.state.clock,
        now=around.now,
        alive=around.alive,
        live=around.live or read,
        steps=tuple(_step(state, index, step) for index, step in enumerate(state.walk.steps)),
        metrics=tuple(_metric(state, metric, walk.troubles) for metric in state.walk.metrics),
        events=walk.events,
        tally=_all_requests(walk),
        next=tuple(_next(state, around)),
        elapsed_s=state.elapsed_s,
        ended=around.ended,
    )


def does(walk: Walk, step: Step) -> str:
    """Return what a step does, in a few words."""
    if step.kind is StepKind.WEIGHT:
        return f"weight {step.percent} %"
    if step.kind is StepKind.MIRROR:
        return f"mirror {step.percent} % to {walk.green}"
    if step.kind is StepKind.HEADER:
        return cohort_words(step.cohort)
    if step.kind is StepKind.PAUSE:
        return "pause until promoted"
    return str(step.kind)


def cohort_words(cohort: Cohort | None) -> str:
    """Return who reaches the new deployment whatever the weights."""
    if cohort is None:
        return "header: no one"
    named = f"{cohort.header}: {', '.join(cohort.values) or 'any value'}" if cohort.header else ""
    share = f"{cohort.percent} % of callers" if cohort.percent else ""
    return f"header {cleaned(' or '.join(part for part in (named, share) if part)) or 'no one'}"


def plain_view(shown: View) -> Json:
    """Return a view as JSON: a shape that scripts rely on. Times are RFC 3339, shares 0 to 1, durations seconds."""
    walk = shown.walk
    live = shown.live or Routing()
    return {
        "id": shown.id,
        "endpoint": walk.endpoint,
        "phase": str(shown.phase),
        "open": shown.open,
        "says": shown.says,
        "who": shown.who,
        "began": stamp(shown.began),
        "ended": None if shown.open else stamp(shown.until),
        "gatekeeper": "alive" if shown.alive else "dead" if shown.open else "ended",
        "stable_deployment": walk.blue,
        "green_deployment": walk.green,
        "weights": {"live": dict(live.weights), "stable": dict(walk.stable), "goal": dict(walk.goal)},
        "mirror": dict(live.mirror),
        "step": shown.step + 1,
        "steps": [_plain_step(one) for one in shown.steps],
        "metrics": [_plain_metric(one) for one in shown.metrics],
        "events": [_plain_event(one) for one in shown.events],
        "requests": {name or "none": plain_tallied(one) for name, one in shown.tally.items()},
        "receipt": plain_receipt(shown.ended) if shown.ended else None,
        "elapsed_seconds": round(shown.elapsed_s, 1),
        "deadline_seconds": walk.deadline_s,
        "next": [{"command": one.command, "does": one.does} for one in shown.next],
    }


def plain_tallied(one: Tallied) -> Json:
    """Return a tally with the names of its counts."""
    return {"requests": one.requests, "failed": one.failed, "lost_to_the_switch": one.lost}


def plain_receipt(one: Ended) -> Json:
    """Return a receipt as JSON: before, during and after, by deployment; `none` are requests that reached none."""
    return {
        when: {name or "none": plain_tallied(counted) for name, counted in part.items()}
        for when, part in one.receipt.items()
    }


def _settled(state: State, ended: Ended | None) -> State:
    """Return the state with the history's last word: a walk that ended well may have been taken back since."""
    return state if ended is None else replace(state, phase=ended.phase, says=ended.says)


def _step(state: State, index: int, step: Step) -> StepShown:
    return StepShown(
        number=index + 1,
        kind=step.kind,
        does=does(state.walk, step),
        state=_step_state(state, index),
        weights=routing(state.walk, index).weights,
        hold_s=step.hold_s,
        held_s=state.in_step_s if index == state.step else None,
    )


def _step_state(state: State, index: int) -> str:
    if state.phase is Phase.DONE or index < state.step:
        return "done"
    if index > state.step:
        return "to_come"
    gone_back = state.phase in ENDED or state.phase is Phase.RETURNING
    return "stopped" if gone_back else "current"


def _metric(state: State, metric: Metric, troubles: Mapping[str, str]) -> MetricShown:
    known = state.judged.get(metric.name, Judged())
    found, says = verdict(metric, state.judged.get(metric.name))
    counted = metric.kind is not MetricKind.LIMIT
    compared = metric.kind is MetricKind.WORSE_THAN_STABLE
    return MetricShown(
        metric=metric,
        judged=not metric.steps or state.step in metric.steps,
        stable=_share(known.bet.stable) if compared else None,
        green=_share(known.bet.green) if counted else None,
        number=None if counted else known.number,
        in_step=known.in_step.requests,
        verdict=found,
        says=cleaned(says),
        trouble=cleaned(troubles.get(metric.name, "")),
    )


def _share(counts: Counts) -> Share:
    low, high = interval(counts, CONFIDENCE)
    return Share(counts.requests, counts.failures, counts.rate, low, high)


def _all_requests(walk: Open) -> Mapping[str, Tallied]:
    names = dict.fromkeys([*walk.tally, *walk.later])
    return frozen_map({n: walk.tally.get(n, Tallied()) + walk.later.get(n, Tallied()) for n in names})


def _next(state: State, around: Around) -> Iterator[Next]:
    stack, endpoint = around.options
    both = f"{stack}{endpoint}"
    if state.phase in ENDED:
        yield from _next_of_ended(state, around)
        return
    if not around.alive:
        yield Next(f"sluice up{stack}", "no gatekeeper drives it: start one, it goes on")
    if state.phase in _FORWARD:
        verb, effect = _FORWARD[state.phase]
        yield Next(f"sluice rollout {verb}{both}", effect)
    if state.phase is not Phase.RETURNING:
        yield Next(f"sluice rollout abort{both}", "go back to the stable weights")


_FORWARD = {
    Phase.WALKING: ("watch", "follow it"),
    Phase.RETURNING: ("watch", "follow it"),
    Phase.PAUSED: ("promote", "go on with the next step"),
    Phase.BAKING: ("promote", "end the bake"),
    Phase.HELD: ("retry", "forget the failure and go on"),
}


def _next_of_ended(state: State, around: Around) -> Iterator[Next]:
    stack, endpoint = around.options
    if state.phase is Phase.DONE:
        yield Next(f"sluice rollback{stack}{endpoint}", "go back to the weights of before")
    elif around.ended and around.ended.forgiven:
        yield Next(f"sluice up{stack}", "try the same again")
    else:
        yield Next(f"sluice logs -d {state.walk.green}{stack}{endpoint}", "look for the cause")
        yield Next(f"sluice up{stack}", "once the specification has changed")
        yield Next(f"sluice rollout retry{stack}{endpoint}", "try the same again")


def _plain_step(one: StepShown) -> Json:
    return {
        "step": one.number,
        "kind": str(one.kind),
        "does": one.does,
        "state": one.state,
        "weights": dict(one.weights),
        "hold_seconds": one.hold_s,
        "held_seconds": None if one.held_s is None else round(one.held_s, 1),
    }


def _plain_metric(one: MetricShown) -> Json:
    metric = one.metric
    return {
        "name": metric.name,
        "kind": str(metric.kind),
        "about": metric.about,
        "judged": one.judged,
        "verdict": str(one.verdict),
        "says": one.says,
        "trouble": one.trouble or None,
        "stable": _plain_share(one.stable),
        "green": _plain_share(one.green),
        "number": one.number,
        "at_least": metric.low,
        "at_most": metric.high,
        "requests_in_step": one.in_step,
        "requests_needed": metric.least_requests if metric.kind is not MetricKind.LIMIT else None,
    }


def _plain_share(share: Share | None) -> Json | None:
    if share is None:
        return None
    return {
        "requests": share.requests,
        "failures": share.failures,
        "rate": round(share.rate, 6),
        "interval": [round(share.low, 6), round(share.high, 6)],
        "confidence": CONFIDENCE,
    }


def _plain_event(event: Event) -> Json:
    return {
        "id": event.id,
        "when": stamp(event.when),
        "phase": str(event.phase),
        "step": event.step + 1,
        "says": cleaned(event.says),
        "weights": dict(event.weights),
    }
