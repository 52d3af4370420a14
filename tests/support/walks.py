"""Walks on disk as a gatekeeper leaves them: the real machine and the real log, readings and a clock made up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from sluice.rollout.documents import plain
from sluice.rollout.files import Ended, Event, Open, RolloutFolder, Started, after, record_line
from sluice.rollout.machine import Record, begin, step, wanted
from sluice.rollout.models import ActionKind, Metric, MetricKind, Readings, Sample, Step, Walk
from sluice.rollout.proportions import Counts
from sluice.rollout.world import Tallied
from sluice.spec.frozen import frozen_map
from sluice.spec.rollout import StepKind
from sluice.traffic.router import Routing

BEGAN = 1_767_614_400.0  # 2026-01-05 12:00:00 UTC
BLUE, GREEN = frozen_map({"blue": 100, "green": 0}), frozen_map({"blue": 0, "green": 100})
STEPS = (
    Step(StepKind.WEIGHT, 10, 60),
    Step(StepKind.PAUSE),
    Step(StepKind.WEIGHT, 100, 60),
    Step(StepKind.BAKE, hold_s=1800),
)
METRICS = (
    Metric("errors", MetricKind.WORSE_THAN_STABLE, least_requests=10, about="failed requests"),
    Metric("slow", MetricKind.OVER_LIMIT, high=0.05, least_requests=10, about="slower than 120 ms"),
    Metric("memory", MetricKind.LIMIT, high=512.0, about="MiB"),
)
GOOD = frozen_map(
    {
        "errors": (Sample(Counts(90, 1), Counts(10, 0)),),
        "slow": (Sample(Counts(), Counts(10, 0)),),
    }
)
BAD = frozen_map({**GOOD, "errors": (Sample(Counts(90, 1), Counts(10, 9)),)})


def walk_of(*steps: Step, endpoint: str = "chat", metrics: tuple[Metric, ...] = METRICS, **changes: object) -> Walk:
    """A walk from all on blue to all on green."""
    walk = Walk(endpoint, "a1b2c3d4", BLUE, GREEN, "blue", "green", steps or STEPS, metrics)
    return replace(walk, **changes)  # type: ignore[arg-type]


class Walked:
    """A walk in a folder; each `read` adds a reading to its log, and tells and routes what the machine says."""

    def __init__(self, root: Path, walk: Walk | None = None, who: str = "ada@laptop") -> None:
        self.folder = RolloutFolder(root)
        state = begin(walk or walk_of(), BEGAN)
        started = Started("20260105T120000-a1b2c3d4", state, {}, "0f0e0d0c", who)
        self.folder.begin(started, {})
        self.walk = Open(started, state)
        self.live = Routing(state.walk.stable)
        self.now = BEGAN

    def read(self, seconds: float = 30.0, **readings: object) -> Open:
        """Let time pass, and the gatekeeper look once."""
        self.now += seconds
        read = Readings(**{"live": self.live, "samples": GOOD, "numbers": {"memory": 300.0}, **readings})  # type: ignore[arg-type]
        before = self.walk.state
        state, actions = step(before, read, self.now)
        tally = {"blue": Tallied(90, 1), "green": Tallied(10)}
        during = {name: self.walk.tally.get(name, Tallied()) + one for name, one in tally.items()}
        numbered = max([self.walk.numbered, *(order.number for order in read.orders)])
        self._append(record_line(Record(self.now, read), {}, (during, {}), numbered, self._troubles(read)))
        for action in actions:
            self.live = action.routing or self.live
            if action.kind is ActionKind.TELL:
                event = Event(
                    f"e{len(self.walk.events)}", self.now, state.phase, state.step, action.event, wanted(state).weights
                )
                self._append({"event": plain(event)})
        self.folder.acknowledge(numbered)
        self.folder.show(state)
        return self.walk

    def reads(self, times: int, seconds: float = 30.0, **readings: object) -> Open:
        """Look several times."""
        for _ in range(times):
            self.read(seconds, **readings)
        return self.walk

    def end(self, receipt: Mapping[str, Mapping[str, Tallied]] | None = None) -> Ended:
        """Write the walk, which has ended, into the history."""
        ended = ended_of(self.walk, self.now, receipt)
        self.folder.remember(ended)
        return ended

    def _append(self, line: dict[str, object]) -> None:
        self.folder.append(line)
        self.walk = after(self.walk, line)

    def _troubles(self, read: Readings) -> Mapping[str, str]:
        silent = [name for name, number in read.numbers.items() if number is None]
        return dict.fromkeys(silent, "no answer within 10 s")


def ended_of(walk: Open, now: float, receipt: Mapping[str, Mapping[str, Tallied]] | None = None) -> Ended:
    """What the history says of a walk that has ended."""
    state, started = walk.state, walk.started
    return Ended(
        id=started.id,
        endpoint=state.walk.endpoint,
        version=state.walk.goal_hash,
        stable_version=started.stable_version,
        blue=state.walk.blue,
        green=state.walk.green,
        stable=state.walk.stable,
        goal=state.walk.goal,
        began=started.state.clock,
        ended=now,
        phase=state.phase,
        step=state.step,
        says=state.says,
        who=started.who,
        receipt=receipt or {"before": {"blue": Tallied(500, 2)}, "during": walk.tally, "after": {"blue": Tallied(40)}},
    )
