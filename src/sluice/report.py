"""What the user sees: lines while something runs, tables, JSON. Colours only on a terminal."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TextIO

_COLOURS: Final = {"red": "31", "green": "32", "yellow": "33", "blue": "34", "dim": "2", "bold": "1"}


def coloured(text: str, colour: str, stream: TextIO) -> str:
    """Return `text` in a colour where `stream` is a terminal."""
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if stream.isatty() else text


def say(text: str = "") -> None:
    """Print a line of results."""
    sys.stdout.write(f"{text}\n")


def note(text: str, colour: str = "dim") -> None:
    """Print a line beside the results, on stderr."""
    sys.stderr.write(f"{coloured(text, colour, sys.stderr)}\n")
    sys.stderr.flush()


def say_json(value: Any) -> None:
    """Print a value as JSON."""
    say(json.dumps(value, indent=2, default=str))


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return an aligned table, its head in capitals."""
    texts = [[name.upper() for name in head], *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in texts) for column in range(len(head))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in texts)
    return "\n".join(line.rstrip() for line in lines)


@dataclass
class Progress:
    """Lines about what goes on. On a terminal the last line is alive; elsewhere each change is one line."""

    stream: TextIO = field(default_factory=lambda: sys.stderr)
    started: float = field(default_factory=time.monotonic)
    _status: dict[str, str] = field(default_factory=dict)
    _drawn: bool = False

    def status(self, subject: str, text: str) -> None:
        """Show what `subject` is doing; on a terminal the line is drawn over by the next."""
        if self._status.get(subject) == text:
            return
        self._status[subject] = text
        if self.stream.isatty():
            self._draw()
        else:
            self._write(f"  {self._clock()}  {subject}: {text}")

    def done(self, subject: str, text: str, colour: str = "green") -> None:
        """Say how `subject` ended; the line stays."""
        self._status.pop(subject, None)
        self._erase()
        self._write(coloured(f"  {self._clock()}  {subject}: {text}", colour, self.stream))
        if self._status and self.stream.isatty():
            self._draw()

    def close(self) -> None:
        """Leave the screen as a shell expects it."""
        self._erase()

    def _draw(self) -> None:
        self._erase()
        items: Mapping[str, str] = self._status
        text = "  ".join(f"{subject}: {status}" for subject, status in items.items())
        self.stream.write(f"  {self._clock()}  {text}"[:118])
        self.stream.flush()
        self._drawn = True

    def _erase(self) -> None:
        if self._drawn:
            self.stream.write("\r\x1b[2K")
            self.stream.flush()
            self._drawn = False

    def _write(self, line: str) -> None:
        self.stream.write(f"{line}\n")
        self.stream.flush()

    def _clock(self) -> str:
        return f"{time.monotonic() - self.started:5.1f} s"
