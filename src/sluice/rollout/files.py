"""What is known of one endpoint's rollouts on disk: the log of the walk, people's orders, what became of others.

The log is the truth: a walk's state follows from its records, whoever was killed when. Each line is whole or the
last. A snapshot saves reading all of it. `state.json` is written after the log, for those who only want to look.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sluice.errors import StorageFailed
from sluice.rollout.documents import plain, structured
from sluice.rollout.machine import Record, replayed
from sluice.rollout.models import ENDED, Command, Order, Phase, Readings, State
from sluice.rollout.world import Tallied
from sluice.spec.frozen import frozen_map
from sluice.targets.local.files import locked, read_json, storage_errors, try_lock, write_json
from sluice.traffic.weights import Weights

Json = dict[str, Any]
KEPT_WALKS = 20


@dataclass(frozen=True)
class Event:
    """Something that happened in a walk, for people. `id` tells it from all others."""

    id: str
    when: float
    phase: Phase
    step: int
    says: str
    weights: Mapping[str, int] = field(default_factory=frozen_map)


@dataclass(frozen=True)
class Ended:
    """A walk that has ended. `version` is the hash of what was to go live, `stable_version` of what was before.

    `receipt` has requests per deployment, `before`, `during` and `after` the walk. A `forgiven` one may be tried again.
    """

    id: str
    endpoint: str
    version: str
    stable_version: str
    blue: str
    green: str
    stable: Weights
    goal: Weights
    began: float
    ended: float
    phase: Phase
    step: int
    says: str
    who: str = ""
    receipt: Mapping[str, Mapping[str, Tallied]] = field(default_factory=frozen_map)
    forgiven: bool = False


@dataclass(frozen=True)
class Started:
    """How a walk begins: its first state, the specification as JSON, who began it."""

    id: str
    state: State
    rollout: Mapping[str, Any]
    stable_version: str = ""
    who: str = ""
    position: Mapping[str, Any] = field(default_factory=frozen_map)
    before: Mapping[str, Tallied] = field(default_factory=frozen_map)


@dataclass(frozen=True)
class Open:
    """A walk as its log tells it.

    Attributes:
        position: where the meter goes on.
        tally: requests counted since the walk began, up to all of the goal.
        later: requests counted after that, or after the walk was ended otherwise.
        numbered: the highest number of an order that was carried out.
        records: how many were read; an event's id has the number of its record.
        last: the last record, whose actions may not have been done.
        events: what people were told.
        troubles: by metric, why there was no reading; until there is one.
    """

    started: Started
    state: State
    position: Mapping[str, Any] = field(default_factory=frozen_map)
    tally: Mapping[str, Tallied] = field(default_factory=frozen_map)
    later: Mapping[str, Tallied] = field(default_factory=frozen_map)
    numbered: int = 0
    records: int = 0
    last: Record | None = None
    before_last: State | None = None
    events: tuple[Event, ...] = ()
    troubles: Mapping[str, str] = field(default_factory=frozen_map)


@dataclass(frozen=True)
class RolloutFolder:
    """The folder of one endpoint's rollouts, readable by its owner only. A log of `largest_log` bytes is compacted."""

    root: Path
    largest_log: int = 8 * 1024 * 1024

    @property
    def log(self) -> Path:
        """The log of the walk that is open, or was last."""
        return self.root / "log.jsonl"

    @property
    def secrets(self) -> Path:
        """The values of the specification's secrets, by their names in it."""
        return self.root / "secrets.json"

    @property
    def work(self) -> Path:
        """Where the work of steps leaves its reports."""
        return self.root / "work"

    @property
    def _lock(self) -> Path:
        return self.root / "gatekeeper.lock"

    def alive(self) -> bool:
        """Tell whether a gatekeeper drives the walk."""
        if not self._lock.exists():
            return False
        descriptor = try_lock(self._lock)
        if descriptor is not None:
            os.close(descriptor)
        return descriptor is None

    @contextmanager
    def driving(self, timeout_s: float = 0.0) -> Iterator[None]:
        """Be the gatekeeper. Raises Busy where another is."""
        with locked(self._lock, timeout_s=timeout_s, what="the gatekeeper's place"):
            yield

    def begin(self, started: Started, secrets: Mapping[str, str]) -> None:
        """Write a walk down; nothing drives it yet. The log of the one before is put aside."""
        if self.log.exists():
            self._put_aside()
        write_json(self.secrets, dict(secrets))
        shutil.rmtree(self.root / "control", ignore_errors=True)
        beside = self.log.with_suffix(".new")
        beside.unlink(missing_ok=True)
        _append(beside, {"begin": plain(started)})
        beside.replace(self.log)
        self.show(started.state)

    def read(self) -> Open | None:
        """Return the walk that is open or was last; None where there never was one. Raises StorageFailed."""
        lines = list(_lines(self.log))
        return None if not lines else _replayed(lines, self.log)

    def append(self, line: Json) -> None:
        """Add a line to the log, whole or not at all."""
        _append(self.log, line)

    def compact(self, walk: Open) -> None:
        """Write the log anew where it has grown large: its beginning, its events and where it stands."""
        if self.log.stat().st_size < self.largest_log:
            return
        beside = self.log.with_suffix(".new")
        beside.unlink(missing_ok=True)
        _append(beside, {"begin": plain(walk.started)})
        for event in walk.events:
            _append(beside, {"event": plain(event)})
        _append(beside, snapshot(walk))
        beside.replace(self.log)

    def show(self, state: State) -> None:
        """Write the state for those who look."""
        write_json(self.root / "state.json", plain(state))

    def silent_s(self) -> float:
        """Return for how many seconds nothing was written of an open walk; 0 where it has ended."""
        state = self.shown()
        if state is None or state.phase in ENDED:
            return 0.0
        return max(0.0, time.time() - self.log.stat().st_mtime)

    def shown(self) -> State | None:
        """Return the state as it was last shown."""
        found = read_json(self.root / "state.json")
        return None if found is None else structured(found, State)

    def order(self, command: Command, who: str, step: int | None = None) -> Order:
        """Write an order down for the gatekeeper, durably, and return it; `step` is the one it is about."""
        control = self.root / "control"
        with locked(self.root / "control.lock"):
            numbers = [_number(path) for path in control.glob("*.json")] if control.is_dir() else []
            walk = self.read()
            number = max([*numbers, walk.numbered if walk else 0]) + 1
            order = Order(command, number, who, step)
            write_json(control / f"{number:06d}.json", plain(order))
        return order

    def orders(self, after: int) -> tuple[Order, ...]:
        """Return the orders with a number above `after`, oldest first."""
        found = sorted((self.root / "control").glob("*.json"))
        read = (read_json(path) for path in found if _number(path) > after)
        return tuple(structured(one, Order) for one in read if one is not None)

    def acknowledge(self, upto: int) -> None:
        """Remove orders that were carried out."""
        for path in (self.root / "control").glob("*.json"):
            if _number(path) <= upto:
                path.unlink(missing_ok=True)

    def pending(self, order: Order) -> bool:
        """Tell whether an order is still to be carried out."""
        return (self.root / "control" / f"{order.number:06d}.json").exists()

    def history(self) -> tuple[Ended, ...]:
        """Return the walks that have ended, oldest first; the last word about each."""
        found = (structured(line["ended"], Ended) for line in _lines(self.root / "history.jsonl"))
        return tuple({one.id: one for one in found}.values())

    def remember(self, ended: Ended) -> None:
        """Add an ended walk to the history, or say something new about it."""
        _append(self.root / "history.jsonl", {"ended": plain(ended)})

    def set_damaged_aside(self) -> None:
        """Put a log that can't be read where somebody may look at it."""
        self.log.replace(self.root / "log.damaged")

    def _put_aside(self) -> None:
        aside = self.root / "walks"
        aside.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = next(_lines(self.log), {}).get("begin", {}).get("id", "unknown")
        self.log.replace(aside / f"{name}.jsonl")
        for old in sorted(aside.glob("*.jsonl"))[:-KEPT_WALKS]:
            old.unlink(missing_ok=True)


def record_line(
    record: Record,
    position: Mapping[str, Any],
    tallies: tuple[Mapping[str, Tallied], Mapping[str, Tallied]],
    numbered: int,
    troubles: Mapping[str, str],
) -> Json:
    """Return the log's line of one reading; `tallies` are all requests so far, during the walk and later."""
    during, later = map(plain_tally, tallies)
    line: Json = {"record": {"now": record.now, "readings": plain(record.readings)}}
    line |= {"position": dict(position), "tally": during, "later": later, "numbered": numbered}
    return line | ({"troubles": dict(troubles)} if troubles else {})


def plain_tally(tally: Mapping[str, Tallied]) -> Json:
    """Return a tally as JSON."""
    return {name: [one.requests, one.failed, one.lost] for name, one in tally.items()}


def snapshot(walk: Open) -> Json:
    """Return the line from which a later reading of the log may start."""
    state = plain(walk.state)
    return {
        "state": state,
        "position": dict(walk.position),
        "tally": plain_tally(walk.tally),
        "later": plain_tally(walk.later),
        "numbered": walk.numbered,
        "records": walk.records,
        "troubles": dict(walk.troubles),
    }


def _replayed(lines: list[Json], path: Path) -> Open | None:
    try:
        return continued(None, lines)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise _damaged(path) from None


def _damaged(path: Path) -> StorageFailed:
    return StorageFailed(
        f"{path}: is damaged, or another version of Sluice wrote it",
        remedy="End the rollout: sluice rollback; or take all away: sluice down --force",
    )


def continued(walk: Open | None, lines: Sequence[Json]) -> Open | None:
    """Return the walk after more lines of its log; without `walk` they are the log from its beginning.

    Before the last snapshot only events count. Raises KeyError and the like for lines that are none of ours.
    """
    if walk is None and lines:
        started = structured(lines[0]["begin"], Started)
        walk, lines = Open(started, started.state, started.position), lines[1:]
    last_snapshot = max((at for at, line in enumerate(lines) if "state" in line), default=0)
    for at, line in enumerate(lines):
        if walk is not None and ("event" in line or at >= last_snapshot):
            walk = after(walk, line)
    return walk


def after(walk: Open, line: Json) -> Open:
    """Return the walk after one more line of its log."""
    if "event" in line:
        return replace(walk, events=(*walk.events, structured(line["event"], Event)))
    common = {
        "position": line["position"],
        "tally": _tally(line["tally"]),
        "later": _tally(line["later"]),
        "numbered": line["numbered"],
        "troubles": {**walk.troubles, **line.get("troubles", {})},
    }
    if "state" in line:
        state = structured(line["state"], State)
        return replace(walk, state=state, records=line["records"], last=None, before_last=None, **common)
    record = Record(line["record"]["now"], structured(line["record"]["readings"], Readings))
    common["troubles"] = _without_reading(common["troubles"], record.readings)
    state = replayed(walk.state, (record,))
    return replace(walk, state=state, records=walk.records + 1, last=record, before_last=walk.state, **common)


def _without_reading(troubles: Mapping[str, str], readings: Readings) -> Mapping[str, str]:
    read = {name for name, number in readings.numbers.items() if number is not None}
    read |= {name for name, samples in readings.samples.items() if samples}
    return {name: why for name, why in troubles.items() if name not in read}


def _tally(found: Json) -> Mapping[str, Tallied]:
    return {name: Tallied(*counts) for name, counts in found.items()}


def _lines(path: Path) -> Iterator[Json]:
    """Yield a log's whole lines; one that was being written when its writer was killed is not there."""
    with storage_errors(path, "read"), suppress(FileNotFoundError), path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield _object(line, path)


def _object(line: bytes, path: Path) -> Json:
    try:
        found = json.loads(line)
    except ValueError:
        raise _damaged(path) from None
    if not isinstance(found, dict):
        raise _damaged(path)
    return found


def _append(path: Path, line: Json) -> None:
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            _drop_torn_end(file)
            file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")


def _drop_torn_end(file: Any) -> None:
    """Cut off a last line that is not whole, and stand at the end."""
    end = file.seek(0, os.SEEK_END)
    if not end:
        return
    file.seek(end - 1)
    if file.read(1) == b"\n":
        return
    start = max(0, end - 1_048_576)
    file.seek(start)
    whole = file.read().rfind(b"\n") + 1
    file.truncate(start + whole)
    file.seek(0, os.SEEK_END)


def _number(path: Path) -> int:
    return int(path.stem)
