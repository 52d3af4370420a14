"""A flow's worker processes, seen from here: lines are given out, answers taken in, those that hang are killed.

The process that the flow's Python runs (`worker/flow_worker.py`) loads prompt flow once and forks the workers; each
has a socket of its own. What a run needs (connections with their secrets, variables) goes through a socket too:
neither a file nor a command line has it.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from sluice.errors import RunFailed
from sluice.runs.lines import Line
from sluice.runs.results import Aggregated, LineResult
from sluice.spec.frozen import frozen_map
from sluice.targets.local.serving.commands import APPS, FLOW_APP

SCRIPT: Final = Path(__file__).parent / "worker" / "flow_worker.py"
_LOOK_S: Final = 0.1
_CHUNK: Final = 1 << 18
# A worker that ends before it has begun, so often in a row, will not begin the next time either.
_FALSE_STARTS: Final = 3
_END_S: Final = 5.0


@dataclass(frozen=True)
class Job:
    """What the workers of a run need. `folder` is the flow's, `definition` may lie elsewhere; secrets never show."""

    python: Path
    definition: Path
    folder: Path
    home: Path
    log: Path
    run: str
    workers: int = 4
    line_timeout_s: float = 600.0
    aggregates: bool = False
    init: Mapping[str, Any] = field(default_factory=frozen_map)
    connections: Mapping[str, Any] = field(default_factory=frozen_map, repr=False)
    variables: Mapping[str, str] = field(default_factory=frozen_map, repr=False)
    environ: Mapping[str, str] = field(default_factory=frozen_map, repr=False)

    def told(self) -> dict[str, Any]:
        """Return what the script is told."""
        return {
            "flow": str(self.definition),
            "folder": str(self.folder),
            "files": str(self.home.parent / "files"),
            "home": str(self.home),
            "serving": str(APPS / FLOW_APP),
            "run": self.run,
            # Longer than the limit here: prompt flow's own leaves the thread that hangs, and what it has started.
            "seconds": round(self.line_timeout_s) + 60,
            "init": dict(self.init),
            "connections": dict(self.connections),
            "variables": dict(self.variables),
        }


class Channel:
    """One end of a socket over which JSON documents go, a line each."""

    def __init__(self, end: socket.socket) -> None:
        self.end = end
        self._heard = b""

    def say(self, word: Mapping[str, Any], *descriptors: int) -> bool:
        """Send a document; tell whether anybody is there to take it."""
        data = json.dumps(word).encode() + b"\n"
        try:
            if descriptors:
                socket.send_fds(self.end, [data], list(descriptors))
            else:
                self.end.sendall(data)
        except OSError:
            return False
        return True

    def hear(self) -> list[dict[str, Any]] | None:
        """Return the documents that have come whole; None when the other end has closed. Waits for the first bytes."""
        try:
            data = self.end.recv(_CHUNK)
        except OSError:
            return None
        if not data:
            return None
        if b"\n" not in data:
            self._heard += data
            return []
        *whole, self._heard = (self._heard + data).split(b"\n")
        return [json.loads(one) for one in whole]


@dataclass
class _Slot:
    """One worker: what it works on since when; None while it begins or waits."""

    number: int
    channel: Channel
    begun: bool = False
    listening: bool = True
    line: Line | None = None
    since: float = 0.0
    killed: bool = False


class FlowWorkers:
    """The workers of one run; `sluice.runs.results.Executor`."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._process: subprocess.Popen[bytes] | None = None
        self._control: Channel | None = None
        self._selector = selectors.DefaultSelector()
        self._slots: dict[int, _Slot] = {}
        self._false_starts = 0
        self._next = 0

    def results(self, lines: Iterator[Line], stop: Callable[[], bool]) -> Iterator[LineResult]:
        """Yield how each line ended; as many are under way as there are workers."""
        self._ensure_host(stop)
        waiting = next(lines, None)
        while not stop() and (waiting is not None or self._under_way()):
            waiting = self._give_out(waiting, lines)
            yield from self._taken_in()
            yield from self._overdue()

    @property
    def aggregates(self) -> bool:
        """Whether the flow may have an aggregation."""
        return self._job.aggregates

    def aggregate(self, results: Path, stop: Callable[[], bool]) -> Aggregated:
        """Return what the flow's aggregation says; it has no time limit of its own."""
        answer = self.ask({"aggregate": str(results)}, stop)
        return Aggregated(frozen_map(answer.get("metrics") or {}), answer.get("error", ""))

    def ask(self, word: Mapping[str, Any], stop: Callable[[], bool]) -> dict[str, Any]:
        """Return a worker's answer to one question; `{"error": ...}` where it died of it."""
        self._ensure_host(stop)
        slot = next((one for one in self._slots.values() if one.begun and one.line is None), None) or self._fork()
        asked = False
        while not stop():
            if slot.begun and not asked:
                asked = slot.channel.say(word)
            for said in self._events(_LOOK_S):
                if said[0] == slot.number and "seconds" in said[1]:
                    return said[1]
                if said[0] == slot.number and "status" in said[1]:
                    return {"error": _ended_words(said[1]["status"])}
        return {"error": "was stopped"}

    def close(self) -> None:
        """End the workers and the process that forked them."""
        for slot in self._slots.values():
            slot.channel.end.close()
        self._slots.clear()
        self._selector.close()
        if self._control:
            self._control.end.close()  # which ends the host, and it ends the workers
        if self._process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_END_S)
                return
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _ensure_host(self, stop: Callable[[], bool]) -> None:
        """Start the process that loads prompt flow, and wait until it has."""
        if self._process:
            return
        ours, theirs = socket.socketpair()
        with _opened(self._job.log) as log, theirs:
            self._process = subprocess.Popen(
                [str(self._job.python), str(SCRIPT), str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                cwd=self._job.folder,
                env={**self._job.environ, "PF_HOME_DIRECTORY": str(self._job.home)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is ours to handle
            )
        self._control = Channel(ours)
        self._control.say(self._job.told())
        self._selector.register(ours, selectors.EVENT_READ, None)
        loaded = False
        while not loaded and not stop():
            loaded = any("loaded" in word for _, word in self._events(_LOOK_S))

    def _under_way(self) -> bool:
        return any(slot.line is not None for slot in self._slots.values())

    def _give_out(self, waiting: Line | None, lines: Iterator[Line]) -> Line | None:
        """Give lines to workers that wait, forking more where there are too few; return the next line."""
        free = [slot for slot in self._slots.values() if slot.begun and slot.line is None and not slot.killed]
        while waiting is not None and free:
            self._give(free.pop(), waiting)
            waiting = next(lines, None)
        beginning = any(not slot.begun for slot in self._slots.values())
        if waiting is not None and len(self._slots) < self._job.workers and not (beginning and self._false_starts):
            self._fork()
        return waiting

    def _give(self, slot: _Slot, line: Line) -> None:
        base = {"__base__": str(line.base)} if line.base else {}
        slot.line, slot.since = line, time.monotonic()
        slot.channel.say({"line": line.number, "inputs": {**line.inputs, **base}})

    def _fork(self) -> _Slot:
        assert self._control
        ours, theirs = socket.socketpair()
        slot = _Slot(self._next, Channel(ours))
        self._next += 1
        with theirs:
            self._control.say({"do": "fork", "worker": slot.number}, theirs.fileno())
        self._slots[slot.number] = slot
        self._selector.register(ours, selectors.EVENT_READ, slot.number)
        return slot

    def _taken_in(self) -> Iterator[LineResult]:
        for number, word in self._events(_LOOK_S):
            slot = self._slots.get(number)
            if slot is None:
                continue
            if "status" in word:
                yield from self._ended(slot, word["status"])
            elif slot.line is not None and "seconds" in word:
                line, slot.line = slot.line, None
                yield _result(line, word)

    def _events(self, seconds: float) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield what workers said, and (`status`) which have ended; a worker's last words come before its end."""
        ended: list[dict[str, Any]] = []
        for key, _ in self._selector.select(seconds):
            if key.data is None:
                ended += self._of_host()
            else:
                yield from self._of_worker(key.data)
        for word in ended:
            if "ended" in word:
                yield from self._last_words(word["ended"])
                yield word["ended"], word
            else:
                yield -1, word

    def _of_host(self) -> list[dict[str, Any]]:
        assert self._control
        said = self._control.hear()
        if said is None:
            raise self._failure("the process that loads the flow has ended")
        for word in said:
            if "failed" in word:
                raise self._failure(f"the flow can't be loaded: {word['failed']}")
        return said

    def _of_worker(self, number: int) -> Iterator[tuple[int, dict[str, Any]]]:
        slot = self._slots.get(number)
        if slot is None:
            return
        said = slot.channel.hear()
        if said is None:
            self._unheard(slot)  # its end is told by the host
            return
        for word in said:
            if "failed" in word:
                raise self._failure(f"the flow can't be loaded: {word['failed']}")
            if "begun" in word:
                slot.begun, self._false_starts = True, 0
            yield number, word

    def _last_words(self, number: int) -> Iterator[tuple[int, dict[str, Any]]]:
        slot = self._slots.get(number)
        while slot and slot.listening and select.select([slot.channel.end], [], [], 0)[0]:
            yield from self._of_worker(number)

    def _ended(self, slot: _Slot, status: int) -> Iterator[LineResult]:
        """Forget a worker that has ended; the line it worked on is lost, and told."""
        self._forget(slot)
        if not slot.begun:
            self._false_starts += 1
            if self._false_starts >= _FALSE_STARTS:
                raise self._failure(f"workers end while they begin: the last {_ended_words(status)}")
        if slot.line is not None:
            yield LineResult(slot.line, error=_ended_words(status), seconds=_since(slot))

    def _overdue(self) -> Iterator[LineResult]:
        for slot in list(self._slots.values()):
            if slot.line is None or slot.killed or _since(slot) <= self._job.line_timeout_s:
                continue
            assert self._control
            self._control.say({"do": "kill", "worker": slot.number})
            line, slot.line, slot.killed = slot.line, None, True
            yield LineResult(line, error=f"took longer than {self._job.line_timeout_s:g} s", seconds=_since(slot))

    def _forget(self, slot: _Slot) -> None:
        self._slots.pop(slot.number, None)
        self._unheard(slot)
        slot.channel.end.close()

    def _unheard(self, slot: _Slot) -> None:
        if slot.listening:
            slot.listening = False
            self._selector.unregister(slot.channel.end)

    def _failure(self, message: str) -> RunFailed:
        return RunFailed(
            message, remedy="Mend the flow or its requirements, and run it again.", details=_last_lines(self._job.log)
        )


def _opened(log: Path) -> IO[bytes]:
    """Open a log to be added to; its owner alone reads it: a flow may print what it was asked."""
    return os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "ab")


def _since(slot: _Slot) -> float:
    return round(time.monotonic() - slot.since, 4)


def _result(line: Line, word: Mapping[str, Any]) -> LineResult:
    return LineResult(
        line,
        output=word.get("output"),
        error=word.get("error") or "",
        seconds=word["seconds"],
        tokens=word.get("tokens") or 0,
        aggregation=word.get("aggregation") or {},
    )


def _ended_words(status: int) -> str:
    if status >= 0:
        return f"the worker process ended with exit status {status}"
    with contextlib.suppress(ValueError):
        return f"the worker process ended by {signal.Signals(-status).name}"
    return f"the worker process ended by signal {-status}"


def _last_lines(log: Path) -> str:
    from sluice.targets.local.files import tail

    return "\n".join(tail(log, 20))
