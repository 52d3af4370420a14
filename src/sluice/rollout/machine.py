"""The rollout's state machine: from a state and what was read, the next state and what is to be done. Pure.

It never looks at a clock: time is what passes between readings, and a clock that jumps adds no more than
`MOST_BETWEEN_S`, so neither a holiday of the machine nor a wrong clock lets a hold pass unobserved.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sluice.judging.verdicts import Verdict
from sluice.rollout.judge import forgiven, fresh_step, judged, overall
from sluice.rollout.models import (
    ENDED,
    WORK,
    Action,
    ActionKind,
    Command,
    Order,
    Phase,
    Readings,
    State,
    Step,
    Walk,
)
from sluice.spec.frozen import frozen_map
from sluice.spec.rollout import OnFailure, StepKind
from sluice.traffic.router import Routing
from sluice.traffic.weights import Weights

MOST_BETWEEN_S = 30.0
ROUTES = frozenset({StepKind.WEIGHT, StepKind.MIRROR, StepKind.HEADER})

Next = tuple[State, tuple[Action, ...]]


def begin(walk: Walk, now: float) -> State:
    """Return the state in which a walk starts."""
    return State(walk, now, says=f"from {shown(walk.stable)} to {shown(walk.goal)}")


def step(state: State, readings: Readings, now: float) -> Next:
    """Return the state after `readings`, and what is to be done.

    An ended walk stays as it is. Commands come first, then failures, then the way forward; so an abort is
    never too late, and no step is left before all that judges it has passed.
    """
    if state.phase in ENDED:
        return state, ()
    state = _observed(state, readings, now)
    for decide in (_returned, _commanded, _failed_over, _failed, _overdue, _misrouted, _alone, _forward):
        if (found := decide(state, readings)) is not None:
            return found
    return state, ()


def routing(walk: Walk, index: int) -> Routing:
    """Return what is routed in the step `index`: what the last step said that changes routes.

    Copies and a cohort last until the next such step; weights until the next weight.
    """
    done = [one for one in walk.steps[: index + 1] if one.kind in ROUTES]
    last = done[-1] if done else Step(StepKind.HOLD)
    percents = [one.percent for one in done if one.kind is StepKind.WEIGHT]
    mirror = {walk.green: last.percent} if last.kind is StepKind.MIRROR else {}
    weights = part_way(walk.stable, walk.goal, percents[-1] if percents else 0)
    return Routing(weights, frozen_map(mirror), last.cohort)


def wanted(state: State) -> Routing:
    """Return what is to be routed in this state."""
    gone_back = state.phase in {Phase.RETURNING, Phase.ROLLED_BACK, Phase.ABORTED}
    return Routing(state.walk.stable) if gone_back else routing(state.walk, state.step)


def part_way(stable: Weights, goal: Weights, percent: int) -> Weights:
    """Return the weights `percent` of the way from `stable` to `goal`: whole, and of the same sum as theirs.

    What rounding leaves over goes to those that lost most of it.
    """
    names = list(dict.fromkeys([*stable, *goal]))
    exact = {n: stable.get(n, 0) + (goal.get(n, 0) - stable.get(n, 0)) * percent / 100 for n in names}
    whole = {name: int(value) for name, value in exact.items()}
    left = round(sum(exact.values())) - sum(whole.values())
    for name in sorted(names, key=lambda n: whole[n] - exact[n])[:left]:
        whole[name] += 1
    return frozen_map(whole)


def shown(weights: Weights) -> str:
    """Return weights as people write them: `blue=90 green=10`."""
    return " ".join(f"{name}={weight}" for name, weight in weights.items() if weight) or "none"


def step_words(step: Step) -> str:
    """Return what a step does, in a few words."""
    if step.kind in {StepKind.WEIGHT, StepKind.MIRROR}:
        return f"{step.kind} {step.percent} %"
    return str(step.kind)


def _observed(state: State, readings: Readings, now: float) -> State:
    passed = min(max(now - state.clock, 0.0), MOST_BETWEEN_S)
    at_weights = readings.live is not None and same(readings.live, wanted(state))
    work = state.work
    for result in readings.works:
        if (result.step, result.attempt) == (state.step, state.attempt):
            work = result.verdict
            state = replace(state, says=result.says or state.says)
    return replace(
        state,
        clock=now,
        elapsed_s=state.elapsed_s + (passed if state.phase in {Phase.WALKING, Phase.HELD} else 0.0),
        in_step_s=state.in_step_s + (passed if at_weights else 0.0),
        judged=judged(state.walk, state.judged, readings),
        work=work,
    )


def _returned(state: State, readings: Readings) -> Next | None:
    """On the way back nothing else counts: the stable weights are set until they are seen live."""
    if state.phase is not Phase.RETURNING:
        return None
    if readings.live is None or not same(readings.live, wanted(state)):
        return state, (Action(ActionKind.ROUTE, wanted(state)),)
    return _told(replace(state, phase=state.returning_to or Phase.ROLLED_BACK))


def _commanded(state: State, readings: Readings) -> Next | None:
    given = {order.command: order for order in readings.orders}
    if order := given.get(Command.ABORT):
        return _back(state, Phase.ABORTED, f"aborted by {_name(order)}")
    if (order := given.get(Command.RETRY)) and state.phase is Phase.HELD:
        return _again(state, f"tried again by {_name(order)}")
    order = _promotion(state, readings)
    if order and state.phase in {Phase.PAUSED, Phase.BAKING} and _verdict(state)[0] is not Verdict.FAIL:
        return _entered(replace(state, phase=Phase.WALKING), f"promoted by {_name(order)}")
    return None


def _promotion(state: State, readings: Readings) -> Order | None:
    """Return the order to go on from this step: of two people who saw the same pause, only one ends a pause."""
    promotions = (order for order in readings.orders if order.command is Command.PROMOTE)
    return next((order for order in promotions if order.step in {None, state.step}), None)


def _again(state: State, why: str) -> Next:
    """Go on from where it was held: what is known of the new deployment is forgotten, its work begins anew."""
    again = replace(state, phase=Phase.WALKING, judged=forgiven(state.judged), in_step_s=0.0, work=None, says=why)
    started, actions = _started(again) if _current(again).kind in WORK else (again, ())
    return started, (*actions, _tell(started))


def _name(order: Order) -> str:
    return order.who or "hand"


def _verdict(state: State) -> tuple[Verdict, str]:
    return overall(state.walk, state.judged, state.step)


def _failed_over(state: State, readings: Readings) -> Next | None:
    """Where the stable deployment dies and the strategy allows it, move on to the new one, if that serves."""
    walk, final = state.walk, _last_weight(state.walk)
    died = readings.ready.get(walk.blue) is False and readings.ready.get(walk.green) is True
    if not (walk.failover and died) or state.step >= final or state.phase is Phase.HELD:
        return None
    why = f"{walk.blue} has no replica that serves; traffic moves to {walk.green}"
    return _entered(replace(state, step=final - 1), why)


def _last_weight(walk: Walk) -> int:
    return max((i for i, one in enumerate(walk.steps) if one.kind is StepKind.WEIGHT), default=0)


def _failed(state: State, readings: Readings) -> Next | None:
    if state.phase is Phase.HELD and state.work is not Verdict.INCONCLUSIVE:
        return None  # it has failed already, and was held for that
    found, why = _verdict(state)
    if found is Verdict.FAIL:
        return _stopped(state, why)
    if readings.ready.get(state.walk.green) is False:
        return _stopped(state, f"{state.walk.green} has no replica that serves")
    if state.work is Verdict.FAIL:
        return _stopped(state, state.says or f"{_current(state).kind} failed")
    return None


def _overdue(state: State, _: Readings) -> Next | None:
    undecided = state.phase is Phase.HELD and state.work is Verdict.INCONCLUSIVE
    if not (state.phase is Phase.WALKING or undecided) or state.elapsed_s <= state.walk.deadline_s:
        return None
    found, why = _verdict(state)
    reason = f"the deadline of {state.walk.deadline_s:g} s is over"
    return _stopped(state, f"{reason}; {why}" if found is Verdict.INCONCLUSIVE else reason)


def _misrouted(state: State, readings: Readings) -> Next | None:
    """Set the step's weights where the router shows others; held weights are left alone."""
    if state.phase is Phase.HELD or readings.live is None or same(readings.live, wanted(state)):
        return None
    return state, (Action(ActionKind.ROUTE, wanted(state)),)


def _alone(state: State, readings: Readings) -> Next | None:
    """Where the stable deployment died, nothing moves on: beside one that answers nobody, any other looks good."""
    blue, green = state.walk.blue, state.walk.green
    gone = f"{blue} has no replica that serves; nothing moves on to {green} before it is back (failover is off)"
    serves, before_all = readings.ready.get(blue), state.step < _last_weight(state.walk)
    if state.says == gone:
        return (state, ()) if serves is not True else _told(replace(state, says=f"{blue} serves again"))
    if serves is not False or not before_all or state.phase is not Phase.WALKING or state.walk.failover:
        return None
    return _told(replace(state, says=gone))


def _forward(state: State, readings: Readings) -> Next | None:
    if state.phase in {Phase.PAUSED, Phase.HELD} or readings.live is None:
        return None
    current = _current(state)
    if current.kind in WORK and state.work is None:
        return _started(state) if not state.attempt else None
    if current.kind in WORK and state.work is Verdict.INCONCLUSIVE:  # asked until it passes, it would pass by luck
        again = "; try again: sluice rollout retry"
        return _told(replace(state, phase=Phase.HELD, says=f"{state.says or current.kind}{again}"))
    if current.kind is StepKind.PAUSE:
        return _told(replace(state, phase=Phase.PAUSED, says=current.says or "waits until promoted"))
    if current.kind is StepKind.BAKE and state.phase is not Phase.BAKING:
        return _told(replace(state, phase=Phase.BAKING, says=f"bakes for {current.hold_s:g} s"))
    return _entered(state, _passed(state, current)) if _held(state, current) else None


def _passed(state: State, current: Step) -> str:
    """Return what let the step pass."""
    return state.says if current.kind in WORK else _verdict(state)[1]


def _held(state: State, current: Step) -> bool:
    """Tell whether the step has lasted as long as it should and all that judges it has passed."""
    routed = routing(state.walk, state.step)
    reached = routed.weights.get(state.walk.green, 0) > 0 or bool(routed.mirror)
    judges = reached and current.kind in {StepKind.WEIGHT, StepKind.MIRROR, StepKind.HOLD, StepKind.BAKE}
    passed = _verdict(state)[0] is Verdict.PASS if judges else True
    return state.in_step_s >= current.hold_s and passed


def _current(state: State) -> Step:
    return state.walk.steps[state.step]


def _started(state: State) -> Next:
    started = replace(state, attempt=state.attempt + 1, work=None)
    return started, (Action(ActionKind.START, step=state.step, attempt=started.attempt),)


def _entered(state: State, why: str) -> Next:
    """Enter the next step, or end the walk after the last; `why` is what let it."""
    before = f"{why}; " if why else ""
    if state.step + 1 == len(state.walk.steps):
        return _told(replace(state, phase=Phase.DONE, says=f"{before}{shown(state.walk.goal)} is live"))
    entered = replace(
        state,
        phase=Phase.WALKING,
        step=state.step + 1,
        in_step_s=0.0,
        attempt=0,
        work=None,
        judged=fresh_step(state.judged),
        says=f"{before}now {step_words(state.walk.steps[state.step + 1])}",
    )
    return entered, (Action(ActionKind.ROUTE, wanted(entered)), _tell(entered))


def _stopped(state: State, why: str) -> Next:
    if state.walk.on_failure is OnFailure.HOLD:
        return _told(replace(state, phase=Phase.HELD, says=why))
    return _back(state, Phase.ROLLED_BACK, why)


def _back(state: State, phase: Phase, why: str) -> Next:
    back = replace(state, phase=Phase.RETURNING, returning_to=phase, says=why)
    return back, (Action(ActionKind.ROUTE, wanted(back)), _tell(back))


def _told(state: State) -> Next:
    return state, (_tell(state),)


def _tell(state: State) -> Action:
    return Action(ActionKind.TELL, step=state.step, event=state.says)


def same(live: Routing, wished: Routing) -> bool:
    """Tell whether two routings share out requests alike: a name that is missing has weight 0."""
    alike = _alike(live.weights, wished.weights) and _alike(live.mirror, wished.mirror)
    return alike and live.cohort == wished.cohort


def _alike(one: Weights, other: Weights) -> bool:
    return all(one.get(name, 0) == other.get(name, 0) for name in {*one, *other})


@dataclass(frozen=True)
class Record:
    """One line of the log: what was read, and when. A state follows from the walk and its records."""

    now: float
    readings: Readings


def replayed(start: State, records: tuple[Record, ...]) -> State:
    """Return the state that `records` lead to from `start`."""
    for record in records:
        start, _ = step(start, record.readings, record.now)
    return start
