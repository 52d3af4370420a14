"""Drives a walk: reads, lets the machine decide, writes that down, does it; until the walk has ended.

What was read goes into the log before anything is done, so whoever comes after a kill knows what was decided, and
does the last decision again: each action may be done twice.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from sluice.errors import SluiceError
from sluice.rollout.documents import plain
from sluice.rollout.files import Ended, Event, Open, RolloutFolder, Started, after, record_line, snapshot
from sluice.rollout.machine import Record, step, wanted
from sluice.rollout.models import ENDED, WORK, Action, ActionKind, Order, Phase, Readings, State, Step
from sluice.rollout.notify import Notice, Teller
from sluice.rollout.workers import Workers, goes_on
from sluice.rollout.world import Measured, Meter, Scene, Tallied, World
from sluice.spec.rollout import Rollout, StepKind, Work
from sluice.traffic.router import Routing
from sluice.traffic.weights import Weights

ORDERS_EVERY_S = 0.1
READINGS_EVERY_S = 1.0
# The gateway writes its access log some time after the answer (FLUSH_MS of its bootstrap).
LOGGED_S = 0.5
SETTLED_EVERY_S = 0.5
# For receivers of notices that are slow, at the end.
TOLD_S = 10.0
# A record at least so often while nothing happens: a walk that is read again has lost no more time than this.
RECORD_EVERY_S = 5.0


@dataclass(frozen=True)
class Parts:
    """What a driver works with. `clock` gives seconds since 1970; `wait` sleeps at most so long."""

    folder: RolloutFolder
    rollout: Rollout
    world: World
    meter: Meter
    workers: Workers
    teller: Teller
    clock: Callable[[], float] = time.time
    wait: Callable[[float], object] = field(default_factory=lambda: threading.Event().wait)


def drive(parts: Parts, walk: Open, enough: Callable[[State], bool] = lambda _: False) -> Open:
    """Drive a walk until it has ended and its receipt is written, or until `enough`.

    The caller is the gatekeeper (`folder.driving`).
    """
    driver = _Driver(parts, walk)
    driver.resume()
    while not enough(driver.walk.state):
        if driver.walk.state.phase in ENDED:
            driver.finish()
            break
        if not driver.look():
            driver.rest()
    parts.workers.stop()
    return driver.walk


class _Driver:
    def __init__(self, parts: Parts, walk: Open) -> None:
        self.parts = parts
        self.walk = walk
        self._read_at = 0.0
        self._troubles: set[str] = set()

    def resume(self) -> None:
        """Do again what was decided last: it may not have been done; nor may people have been told."""
        for event in self.walk.events:
            self.parts.teller.tell(_notice(event, self.walk))
        last, before = self.walk.last, self.walk.before_last
        if last and before:
            _, actions = step(before, last.readings, last.now)
            self._do(actions, self.walk.records - 1)
        state = self.walk.state
        if state.phase in ENDED:
            return
        for index in range(state.step):
            if goes_on(self._work(index)):
                self._start(index, 0)
        if _works(state) and state.attempt and (state.work is None or goes_on(self._work(state.step))):
            self._start(state.step, state.attempt)

    def look(self) -> bool:
        """Read, decide, write down, do. Tell whether there was anything to do."""
        parts, before = self.parts, self.walk.state
        measured, readings = self._readings()
        now = parts.clock()
        state, actions = step(before, readings, now)
        self._read_at = now
        if not (actions or _news(before, state, readings, measured) or now - before.clock >= RECORD_EVERY_S):
            return False
        self._write(Record(now, readings), measured)
        self._do(actions, self.walk.records - 1)
        if state.step != before.step:  # not before it is done: a successor does again what comes after a snapshot
            parts.folder.append(snapshot(self.walk))
        parts.folder.show(state)
        parts.folder.acknowledge(self.walk.numbered)  # who waits for it then finds the state that it led to
        parts.folder.compact(self.walk)
        parts.workers.keep(state.step, state.attempt)
        return bool(actions)

    def rest(self) -> None:
        """Wait for the next reading, or an order."""
        until = self._read_at + READINGS_EVERY_S
        while 0 < until - self.parts.clock() <= READINGS_EVERY_S:  # a clock that jumped back ends it too
            if self._orders():
                return
            self.parts.wait(ORDERS_EVERY_S)

    def finish(self) -> None:
        """Wait for what is in flight, count for the last time, let go of the endpoint, write the receipt."""
        parts, walk = self.parts, self.walk
        parts.workers.stop()
        if all(one.id != walk.started.id for one in parts.folder.history()):
            self._settle()
            parts.wait(LOGGED_S)
            measured = parts.meter.read(None)
            self._counted(measured)
            parts.world.give_free()  # before it is said that it has ended: whoever reads that may set weights
            parts.folder.remember(ended_of(self.walk.state, self.walk.started, self._receipt(), parts.clock()))
        parts.world.give_free()
        parts.folder.acknowledge(max((order.number for order in self._orders()), default=0))
        parts.meter.close()
        parts.teller.close(TOLD_S)

    def _settle(self) -> None:
        """Wait until nothing is in flight on what was left, or somebody wants something else."""
        parts = self.parts
        until = parts.clock() + parts.rollout.drain_s
        while (left := until - parts.clock()) > 0 and not self._orders():
            if parts.world.settle(_left(self.walk.state), min(left, SETTLED_EVERY_S)):
                return

    def _receipt(self) -> Mapping[str, Mapping[str, Tallied]]:
        return {"before": self.walk.started.before, "during": self.walk.tally, "after": self.walk.later}

    def _readings(self) -> tuple[Measured, Readings]:
        live, ready = self._live(), self._ready()
        measured = self.parts.meter.read(live)
        works, orders = self.parts.workers.finished(), self._orders()
        for trouble in self.parts.workers.troubles():
            self._troubled(trouble)
        return measured, Readings(live, measured.samples, measured.numbers, works, orders, ready)

    def _live(self) -> Routing | None:
        try:
            return self.parts.world.live()
        except SluiceError as error:
            self._troubled(error.message)
            return None

    def _ready(self) -> Mapping[str, bool]:
        try:
            return self.parts.world.ready()
        except SluiceError as error:
            self._troubled(error.message)
            return {}

    def _orders(self) -> tuple[Order, ...]:
        return self.parts.folder.orders(self.walk.numbered)

    def _write(self, record: Record, measured: Measured) -> None:
        walk = self.walk
        numbered = max([walk.numbered, *(order.number for order in record.readings.orders)])
        during, later = _tallied(walk, measured)
        line = record_line(record, measured.position, (during, later), numbered, measured.troubles)
        self.parts.folder.append(line)
        self.walk = after(walk, line)

    def _counted(self, measured: Measured) -> None:
        during, later = _tallied(self.walk, measured)
        self.walk = replace(self.walk, tally=during, later=later, position=measured.position)
        self.parts.folder.append(snapshot(self.walk))

    def _do(self, actions: tuple[Action, ...], number: int) -> None:
        for index, action in enumerate(actions):
            if action.kind is ActionKind.ROUTE and action.routing:
                self._route(action.routing)
            elif action.kind is ActionKind.START:
                self._start(action.step, action.attempt)
            elif action.kind is ActionKind.TELL:
                self._tell(f"{self.walk.started.id}:{number}:{index}", action)

    def _route(self, routing: Routing) -> None:
        try:
            self.parts.world.route(routing)
        except SluiceError as error:  # the machine asks again as long as the router shows others
            self._troubled(error.message)
            self.parts.wait(ORDERS_EVERY_S)

    def _work(self, index: int) -> Work | None:
        source = self.walk.state.walk.steps[index].source
        return self.parts.rollout.steps[source].work if source is not None else None

    def _start(self, index: int, attempt: int) -> None:
        parts, work = self.parts, self._work(index)
        if work is not None:
            folder = parts.folder.work / f"{self.walk.started.id}-{index}-{attempt}"
            told = f"{index + 1} of {len(self.walk.state.walk.steps)}", _weights(self.walk.state)
            parts.workers.start(index, attempt, work, lambda stop: _scene(parts.world, folder, stop, *told))

    def _tell(self, identifier: str, action: Action) -> None:
        state = self.walk.state
        if any(event.id == identifier for event in self.walk.events):
            return
        self._happened(Event(identifier, state.clock, state.phase, state.step, action.event, _weights(state)))

    def _happened(self, event: Event) -> None:
        line = {"event": plain(event)}
        self.parts.folder.append(line)
        self.walk = after(self.walk, line)
        self.parts.teller.tell(_notice(event, self.walk))

    def _troubled(self, trouble: str) -> None:
        """Tell of a trouble once, not at each look."""
        if trouble not in self._troubles:
            self._troubles.add(trouble)
            state = self.walk.state
            identifier = f"{self.walk.started.id}:{self.walk.records}:trouble{len(self._troubles)}"
            says = f"{trouble}; tried again"
            self._happened(Event(identifier, self.parts.clock(), state.phase, state.step, says, _weights(state)))


def _scene(world: World, folder: Path, stop: threading.Event, step: str, weights: Weights) -> Scene:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return replace(world.scene(folder, stop), step=step, weights=weights)


def _works(state: State) -> bool:
    return _current(state).kind in WORK


def _current(state: State) -> Step:
    return state.walk.steps[state.step]


def _news(before: State, state: State, readings: Readings, measured: Measured) -> bool:
    read = readings.samples or readings.numbers or readings.works or readings.orders
    counted = any(one.requests for one in measured.tally.values())
    return bool(read) or counted or (before.phase, before.step) != (state.phase, state.step)


def _tallied(walk: Open, measured: Measured) -> tuple[Mapping[str, Tallied], Mapping[str, Tallied]]:
    """Return what was counted during the walk and after it, with what was measured added to the one or the other."""
    steps = walk.state.walk.steps
    last = max((i for i, one in enumerate(steps) if one.kind is StepKind.WEIGHT), default=0)
    over = walk.state.phase in {*ENDED, Phase.BAKING} or walk.state.step > last
    if over:
        return walk.tally, _sum(walk.later, measured.tally)
    return _sum(walk.tally, measured.tally), walk.later


def _sum(one: Mapping[str, Tallied], other: Mapping[str, Tallied]) -> Mapping[str, Tallied]:
    names = dict.fromkeys([*one, *other])
    return {name: one.get(name, Tallied()) + other.get(name, Tallied()) for name in names}


def _weights(state: State) -> Weights:
    return wanted(state).weights


def _left(state: State) -> str:
    """Return the deployment that traffic has left."""
    return state.walk.blue if state.phase is Phase.DONE else state.walk.green


def _notice(event: Event, walk: Open) -> Notice:
    state = walk.state
    return Notice(
        id=event.id,
        endpoint=state.walk.endpoint,
        phase=event.phase,
        step=f"{event.step + 1} of {len(state.walk.steps)}",
        says=event.says,
        weights=event.weights,
        when=datetime.fromtimestamp(event.when, UTC).isoformat(timespec="seconds"),
        who=walk.started.who,
        stable=state.walk.blue,
        green=state.walk.green,
    )


def ended_of(state: State, started: Started, receipt: Mapping[str, Mapping[str, Tallied]], now: float) -> Ended:
    """Return what is remembered of a walk that ended in `state`."""
    walk = state.walk
    return Ended(
        id=started.id,
        endpoint=walk.endpoint,
        version=walk.goal_hash,
        stable_version=started.stable_version,
        blue=walk.blue,
        green=walk.green,
        stable=walk.stable,
        goal=walk.goal,
        began=started.state.clock,
        ended=now,
        phase=state.phase,
        step=state.step,
        says=state.says,
        who=started.who,
        receipt=receipt,
    )
