"""How a run's progress is shown: a bar on a terminal, lines elsewhere, every result with --stream."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Final, Protocol, Self

from sluice.report import note, say
from sluice.runs.driving import Tally, told
from sluice.runs.results import LineResult

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

_EVERY_S: Final = 5.0


class Shown(Protocol):
    """A watcher of a run that is shown while it is open."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def line(self, result: LineResult, tally: Tally) -> None:
        """A line has ended."""

    def says(self, text: str) -> None:
        """Something else goes on."""


def shown(*, stream: bool, quiet: bool = False) -> Shown:
    """Return who shows the progress of a run."""
    if quiet:
        return Silent()
    if stream:
        return Streamed()
    return OnTerminal() if sys.stderr.isatty() else InLines()


class Silent:
    """Shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is open."""

    def line(self, result: LineResult, tally: Tally) -> None:
        """Say nothing."""

    def says(self, text: str) -> None:
        """Say nothing."""


class Streamed(Silent):
    """Prints each result as it comes."""

    def line(self, result: LineResult, tally: Tally) -> None:
        """Print the line and how far the run is."""
        say(f"[{tally.done}/{tally.total}] {told(result)}")

    def says(self, text: str) -> None:
        """Print it."""
        note(text)


class InLines(Silent):
    """Prints how far the run is, every few seconds."""

    def __init__(self) -> None:
        self._said = 0.0

    def line(self, result: LineResult, tally: Tally) -> None:
        """Print it where it is time."""
        del result
        self._said = self._said or time.monotonic()
        if time.monotonic() - self._said >= _EVERY_S or tally.done == tally.total:
            self._said = time.monotonic()
            note(f"{tally.done} of {tally.total} lines, {tally.bad} failed")

    def says(self, text: str) -> None:
        """Print it."""
        note(text)


class OnTerminal:
    """A progress bar."""

    def __enter__(self) -> Self:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar: Bar = Progress(*columns, console=Console(stderr=True), transient=True)
        self._bar.start()
        self._task = self._bar.add_task("preparing", total=None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        self._bar.stop()

    def line(self, result: LineResult, tally: Tally) -> None:
        """Move the bar."""
        del result
        failed = f", {tally.bad} failed" if tally.bad else ""
        self._bar.update(self._task, description=f"running{failed}", completed=tally.done, total=tally.total)

    def says(self, text: str) -> None:
        """Say it before the bar."""
        self._bar.update(self._task, description=text)
