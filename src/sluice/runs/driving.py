"""The loop of a run: lines are executed, each result is written down at once, progress is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from sluice.runs.journal import Writer
from sluice.runs.lines import Line
from sluice.runs.results import Aggregated, Executor, LineResult
from sluice.runs.store import RunFolder, Status


@dataclass(frozen=True)
class Tally:
    """How far a run is: lines in all, those that succeeded, those that failed, and what they cost."""

    total: int
    good: int = 0
    bad: int = 0
    tokens: int = 0

    @property
    def done(self) -> int:
        """Lines that have ended."""
        return self.good + self.bad

    def plus(self, result: LineResult) -> Tally:
        """Return the tally with one more."""
        bad = bool(result.error)
        return Tally(self.total, self.good + (not bad), self.bad + bad, self.tokens + result.tokens)


class Watcher(Protocol):
    """Who is told how a run goes on."""

    def line(self, result: LineResult, tally: Tally) -> None:
        """A line has ended."""
        ...

    def says(self, text: str) -> None:
        """Something else goes on."""
        ...


@dataclass(frozen=True)
class Outcome:
    """How the driving ended."""

    status: Status
    tally: Tally
    aggregated: Aggregated | None = None


@dataclass
class _Recorder:
    """Writes results down as they come, and counts them."""

    journal: Writer
    watcher: Watcher
    tally: Tally

    def record(self, result: LineResult) -> None:
        self.journal.append(result.plain())
        self.tally = self.tally.plus(result)
        self.watcher.line(result, self.tally)

    def sound(self, lines: Iterator[Line]) -> Iterator[Line]:
        """Yield the lines that can be run; the others fail here."""
        for line in lines:
            if line.fault:
                self.record(LineResult(line, error=line.fault))
            else:
                yield line


@dataclass(frozen=True)
class Drive:
    """A run under way.

    `executor` runs its lines and is closed at the end; `stop` is asked often: when it says yes, what is done stays
    and the rest is left.
    """

    folder: RunFolder
    executor: Executor
    watcher: Watcher
    stop: Callable[[], bool]

    def run(self, lines: Iterator[Line], tally: Tally) -> Outcome:
        """Run `lines` to their end, then the aggregation; return how it ended. `tally` is how far it was before.

        Raises RunFailed where no line can be executed; what is done stays.
        """
        try:
            with Writer(self.folder.journal) as journal:
                recorder = _Recorder(journal, self.watcher, tally)
                for result in self.executor.results(recorder.sound(lines), self.stop):
                    recorder.record(result)
            tally = recorder.tally
            aggregated = self._aggregated() if self.executor.aggregates and tally.good and not self.stop() else None
        finally:
            self.executor.close()
        return Outcome(Status.CANCELLED if self.stop() else Status.COMPLETED, tally, aggregated)

    def _aggregated(self) -> Aggregated:
        self.watcher.says("aggregating")
        return self.executor.aggregate(self.folder.journal.path, self.stop)


def told(result: LineResult) -> str:
    """Return a line of text about a result, for those who follow."""
    if result.error:
        return f"line {result.line.number}: failed: {result.error.splitlines()[0]}"
    return f"line {result.line.number}: {json.dumps(dict(result.output or {}), ensure_ascii=False, default=str)[:200]}"
