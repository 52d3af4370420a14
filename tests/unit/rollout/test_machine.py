"""The rollout's state machine: what holds on every path, and the paths people ask for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from sluice.judging.verdicts import Verdict
from sluice.rollout.machine import MOST_BETWEEN_S, Record, begin, part_way, replayed, same, step, wanted
from sluice.rollout.models import (
    ENDED,
    WORK,
    Action,
    ActionKind,
    Command,
    Metric,
    MetricKind,
    Order,
    Phase,
    Readings,
    Sample,
    State,
    Step,
    Walk,
    WorkResult,
)
from sluice.rollout.proportions import Counts
from sluice.spec.frozen import frozen_map
from sluice.spec.rollout import OnFailure, StepKind
from sluice.traffic.router import Routing

ERRORS = Metric("errors", MetricKind.WORSE_THAN_STABLE, least_requests=10)
LATENCY = Metric("latency", MetricKind.LIMIT, high=1.0)
BLUE, GREEN = frozen_map({"blue": 100, "green": 0}), frozen_map({"blue": 0, "green": 100})
GOOD = frozen_map({"errors": (Sample(Counts(90, 0), Counts(10, 0)),)})
BAD = frozen_map({"errors": (Sample(Counts(90, 0), Counts(10, 9)),)})


def walk_of(*steps: Step, metrics: tuple[Metric, ...] = (ERRORS,), **changes: object) -> Walk:
    return replace(Walk("chat", "hash", BLUE, GREEN, "blue", "green", steps, metrics), **changes)  # type: ignore[arg-type]


CANARY = (Step(StepKind.WEIGHT, 10, 60), Step(StepKind.WEIGHT, 100, 60))


class Drive:
    """Feeds a walk with readings, and does at once what it asks for."""

    def __init__(self, walk: Walk) -> None:
        self.state = begin(walk, 0.0)
        self.live = Routing(walk.stable)
        self.now = 0.0
        self.records: list[Record] = []
        self.started: list[Action] = []

    def read(self, seconds: float = 30.0, **readings: object) -> State:
        self.now += seconds
        read = Readings(**{"live": self.live, **readings})  # type: ignore[arg-type]
        self.records.append(Record(self.now, read))
        self.state, actions = step(self.state, read, self.now)
        self._do(actions)
        return self.state

    def _do(self, actions: Iterable[Action]) -> None:
        for action in actions:
            self.live = action.routing or self.live
            self.started += [action] * (action.kind is ActionKind.START)

    def until(self, phase: Phase, **readings: object) -> State:
        for _ in range(100):
            if self.read(30.0, **readings).phase is phase:
                return self.state
        raise AssertionError(f"still {self.state.phase} in step {self.state.step}: {self.state.says}")


def test_a_good_one_reaches_all_of_the_traffic() -> None:
    drive = Drive(walk_of(*CANARY))
    seen = []
    while drive.state.phase not in ENDED:
        drive.read(samples=GOOD)
        seen.append(drive.live.weights["green"])

    assert drive.state.phase is Phase.DONE
    assert drive.live.weights == GREEN
    assert sorted(set(seen)) == [10, 100]


def test_a_bad_one_is_stopped_and_the_stable_one_is_back() -> None:
    drive = Drive(walk_of(*CANARY))
    drive.until(Phase.ROLLED_BACK, samples=BAD)

    assert drive.live == Routing(BLUE)
    assert "9 of 10" in drive.state.says


def test_without_data_it_holds_until_the_deadline_and_then_fails() -> None:
    drive = Drive(walk_of(*CANARY, deadline_s=600))
    for _ in range(19):
        drive.read()
    assert (drive.state.phase, drive.state.step) == (Phase.WALKING, 0)

    drive.until(Phase.ROLLED_BACK)
    assert "0 of 10 requests needed" in drive.state.says


def test_a_limit_that_is_never_read_does_not_pass() -> None:
    drive = Drive(walk_of(*CANARY, metrics=(LATENCY,), deadline_s=600))
    drive.until(Phase.ROLLED_BACK)
    assert "no reading yet" in drive.state.says


def test_a_limit_holds() -> None:
    good, bad = Drive(walk_of(*CANARY, metrics=(LATENCY,))), Drive(walk_of(*CANARY, metrics=(LATENCY,)))
    good.until(Phase.DONE, numbers={"latency": 0.9})
    bad.until(Phase.ROLLED_BACK, numbers={"latency": 1.1})


def test_a_failed_walk_may_hold_and_be_tried_again() -> None:
    drive = Drive(walk_of(*CANARY, on_failure=OnFailure.HOLD))
    drive.read(samples=GOOD)
    drive.until(Phase.HELD, samples=BAD)
    assert drive.live.weights["green"] == 10

    drive.read(orders=(Order(Command.RETRY),))
    drive.until(Phase.DONE, samples=GOOD)


def test_a_pause_waits_for_promotion_and_goes_back_by_itself() -> None:
    paused = (Step(StepKind.WEIGHT, 10), Step(StepKind.PAUSE), Step(StepKind.WEIGHT, 100))
    promoted, spoiled = Drive(walk_of(*paused, deadline_s=150)), Drive(walk_of(*paused))
    promoted.until(Phase.PAUSED, samples=GOOD)
    for _ in range(50):
        assert promoted.read(samples=GOOD).phase is Phase.PAUSED  # a pause has no deadline
    promoted.read(orders=(Order(Command.PROMOTE),))
    promoted.until(Phase.DONE, samples=GOOD)

    spoiled.until(Phase.PAUSED, samples=GOOD)
    spoiled.until(Phase.ROLLED_BACK, samples=BAD)


def test_of_two_who_promote_the_same_pause_one_ends_it() -> None:
    twice = (Step(StepKind.WEIGHT, 10), Step(StepKind.PAUSE), Step(StepKind.PAUSE), Step(StepKind.WEIGHT, 100))
    drive = Drive(walk_of(*twice))
    drive.until(Phase.PAUSED, samples=GOOD)
    seen = drive.state.step
    drive.read(samples=GOOD, orders=(Order(Command.PROMOTE, 1, step=seen),))
    assert drive.read(samples=GOOD).phase is Phase.PAUSED
    drive.read(samples=GOOD, orders=(Order(Command.PROMOTE, 2, step=seen),))
    assert (drive.state.phase, drive.state.step) == (Phase.PAUSED, seen + 1)
    drive.read(samples=GOOD, orders=(Order(Command.PROMOTE, 3, step=seen), Order(Command.PROMOTE, 4, step=seen + 1)))
    drive.until(Phase.DONE, samples=GOOD)


def test_mirroring_leaves_the_weights_alone() -> None:
    drive = Drive(walk_of(Step(StepKind.MIRROR, 20, 60), *CANARY))
    drive.read(samples=GOOD)
    drive.read(samples=GOOD)
    assert drive.live == Routing(BLUE, frozen_map({"green": 20}))
    drive.until(Phase.DONE, samples=GOOD)
    assert drive.live == Routing(GREEN)


def test_work_is_started_once() -> None:
    drive = Drive(walk_of(Step(StepKind.EVALUATE), *CANARY))
    drive.read()
    drive.read()
    assert [(one.step, one.attempt) for one in drive.started] == [(0, 1)]
    drive.read(works=(WorkResult(0, 1, Verdict.PASS),))
    assert drive.state.step == 1


def test_work_that_says_nothing_clear_is_held_and_not_repeated_until_it_passes_by_luck() -> None:
    drive = Drive(walk_of(Step(StepKind.EVALUATE), *CANARY, deadline_s=600))
    drive.read()
    drive.read(works=(WorkResult(0, 1, Verdict.INCONCLUSIVE, "3.9 to 4.4 spans 4"),))
    assert (drive.state.phase, len(drive.started)) == (Phase.HELD, 1)
    assert "3.9 to 4.4" in drive.state.says

    drive.read(orders=(Order(Command.RETRY),))
    drive.read()
    assert [one.attempt for one in drive.started] == [1, 2]
    drive.read(works=(WorkResult(0, 1, Verdict.PASS),))  # of the attempt before: it counts no more
    assert drive.state.step == 0
    drive.read(works=(WorkResult(0, 2, Verdict.INCONCLUSIVE),))
    drive.until(Phase.ROLLED_BACK)
    assert "deadline" in drive.state.says


def test_work_that_fails_stops_the_walk() -> None:
    drive = Drive(walk_of(Step(StepKind.EVALUATE), *CANARY))
    drive.read()
    drive.until(Phase.ROLLED_BACK, works=(WorkResult(0, 1, Verdict.FAIL, "groundedness 2.1, at least 4"),))
    assert "groundedness" in drive.state.says


def test_a_green_that_dies_is_taken_out() -> None:
    drive = Drive(walk_of(*CANARY))
    drive.read(samples=GOOD)
    drive.until(Phase.ROLLED_BACK, samples=GOOD, ready={"green": False, "blue": True})
    assert drive.live == Routing(BLUE)


def test_beside_a_stable_one_that_died_nothing_moves_on_until_it_is_back() -> None:
    drive, alone = Drive(walk_of(*CANARY)), {"green": True, "blue": False}
    for _ in range(20):
        drive.read(samples=GOOD, ready=alone)
    assert (drive.state.phase, drive.live.weights) == (Phase.WALKING, {"blue": 90, "green": 10})
    assert "blue has no replica that serves" in drive.state.says
    drive.until(Phase.DONE, samples=GOOD, ready={"green": True, "blue": True})


def test_where_failover_is_on_traffic_moves_to_the_one_that_serves() -> None:
    drive = Drive(walk_of(*CANARY, failover=True))
    drive.read(ready={"green": True, "blue": False})
    assert drive.live.weights == GREEN
    assert "traffic moves to green" in drive.state.says
    both = Drive(walk_of(*CANARY, failover=True))
    both.read(ready={"green": False, "blue": False})
    assert both.live.weights == BLUE


def test_a_clock_that_jumps_lets_no_hold_pass() -> None:
    drive = Drive(walk_of(Step(StepKind.WEIGHT, 10, 10 * MOST_BETWEEN_S), Step(StepKind.WEIGHT, 100)))
    drive.read(samples=GOOD)
    drive.read(1e9, samples=GOOD)
    drive.read(-2e9, samples=GOOD)
    assert drive.state.step == 0


def test_weights_changed_by_somebody_else_are_set_again() -> None:
    drive = Drive(walk_of(*CANARY))
    drive.read(samples=GOOD)
    drive.live = Routing(frozen_map({"blue": 50, "green": 50}))
    drive.read(samples=GOOD)
    assert drive.live.weights == {"blue": 90, "green": 10}


KINDS = st.sampled_from(StepKind)
STEPS = st.builds(Step, KINDS, st.integers(0, 100), st.sampled_from([0.0, 10.0, 60.0]))
WEIGHTS = st.tuples(st.integers(0, 100), st.integers(0, 100)).map(
    lambda two: frozen_map(dict(zip(("blue", "green", "old"), (min(two), max(two) - min(two), 100 - max(two)))))  # noqa: B905 - three names, three parts
)
COUNTS = st.tuples(st.integers(0, 40), st.integers(0, 40)).map(lambda two: Counts(max(two), min(two)))
READINGS = st.fixed_dictionaries(
    {
        "samples": st.dictionaries(
            st.just("errors"), st.lists(st.builds(Sample, COUNTS, COUNTS), max_size=2).map(tuple), max_size=1
        ),
        "numbers": st.dictionaries(st.just("latency"), st.floats(0, 2), max_size=1),
        "orders": st.lists(st.sampled_from(Command).map(Order), max_size=2).map(tuple),
        "ready": st.dictionaries(st.sampled_from(["blue", "green"]), st.booleans(), max_size=2),
    }
)
WALKS = st.builds(
    lambda steps, stable, goal, how: walk_of(
        *steps,
        Step(StepKind.WEIGHT, 100),
        metrics=(ERRORS, LATENCY),
        stable=stable,
        goal=goal,
        on_failure=how,
        deadline_s=300.0,
    ),
    st.lists(STEPS, max_size=5),
    WEIGHTS,
    WEIGHTS,
    st.sampled_from(OnFailure),
)
PATHS = st.lists(st.tuples(st.floats(-1e5, 1e5), READINGS, st.sampled_from(Verdict)), max_size=40)


def walked(walk: Walk, path: list[tuple[float, dict[str, object], Verdict]]) -> Drive:
    drive = Drive(walk)
    for seconds, readings, result in path:
        works = tuple(WorkResult(one.step, one.attempt, result) for one in drive.started[-1:])
        drive.read(seconds, works=works, **readings)
        assert sum(drive.live.weights.values()) == 100
    return drive


@given(WALKS, PATHS)
def test_weights_are_always_those_the_plan_names(
    walk: Walk, path: list[tuple[float, dict[str, object], Verdict]]
) -> None:
    drive = walked(walk, path)
    done = [one.percent for one in walk.steps if one.kind is StepKind.WEIGHT]
    named = [walk.stable, *(part_way(walk.stable, walk.goal, percent) for percent in done)]
    assert any(same(Routing(drive.live.weights), Routing(weights)) for weights in named)


@given(WALKS, PATHS)
def test_replaying_the_log_gives_the_same_state(
    walk: Walk, path: list[tuple[float, dict[str, object], Verdict]]
) -> None:
    drive = walked(walk, path)
    assert replayed(begin(walk, 0.0), tuple(drive.records)) == drive.state


@given(WALKS, PATHS)
def test_an_abort_from_anywhere_restores_the_stable_weights(
    walk: Walk, path: list[tuple[float, dict[str, object], Verdict]]
) -> None:
    drive = walked(walk, path)
    before = drive.state.phase
    drive.read(1.0, orders=(Order(Command.ABORT),))
    drive.read(1.0)
    assert drive.state.phase in ENDED
    if before is not Phase.DONE:
        assert same(drive.live, Routing(walk.stable))


@given(WALKS, PATHS)
def test_every_path_ends(walk: Walk, path: list[tuple[float, dict[str, object], Verdict]]) -> None:
    drive = walked(walk, path)
    for _ in range(200):
        works = tuple(WorkResult(one.step, one.attempt, Verdict.PASS) for one in drive.started[-1:])
        drive.read(30.0, works=works, samples=GOOD, numbers={"latency": 0.5}, orders=(Order(Command.PROMOTE),))
        if drive.state.phase in {*ENDED, Phase.HELD}:
            return
    raise AssertionError(f"still {drive.state.phase} in step {drive.state.step} of {len(walk.steps)}")


@given(WALKS, PATHS)
def test_no_work_is_skipped(walk: Walk, path: list[tuple[float, dict[str, object], Verdict]]) -> None:
    drive = walked(walk, path)
    reached = len(walk.steps) if drive.state.phase is Phase.DONE else drive.state.step
    asked = {one.step for one in drive.started}
    assert all(index in asked for index in range(reached) if walk.steps[index].kind in WORK)


@given(WEIGHTS, WEIGHTS, st.integers(0, 100))
def test_every_part_of_the_way_sums_to_a_hundred(stable: dict[str, int], goal: dict[str, int], percent: int) -> None:
    weights = part_way(frozen_map(stable), frozen_map(goal), percent)
    assert sum(weights.values()) == 100
    assert all(
        min(stable[name], goal[name]) <= weight <= max(stable[name], goal[name]) for name, weight in weights.items()
    )


def test_wanted_while_returning_is_the_stable_routing() -> None:
    state = replace(begin(walk_of(*CANARY), 0.0), phase=Phase.RETURNING)
    assert wanted(state) == Routing(BLUE)
