"""Results of lines, appended as they come; the last one of a line counts. Safe against a kill at any moment."""

from __future__ import annotations

import json
import os
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sluice.targets.local.files import storage_errors

Result = dict[str, Any]


@dataclass(frozen=True)
class Done:
    """The numbers of lines that have a result: those that succeeded, and those that failed."""

    good: frozenset[int]
    bad: frozenset[int]

    @property
    def all(self) -> frozenset[int]:
        """Every line with a result."""
        return self.good | self.bad


@dataclass(frozen=True)
class Journal:
    """The file of a run's results: JSON lines with `line`, `inputs`, `output` or `error`, `seconds`, `tokens`."""

    path: Path

    def done(self) -> Done:
        """Return which lines have a result."""
        good: set[int] = set()
        bad: set[int] = set()
        for _, one in self._whole():
            (bad if one.get("error") else good).add(one["line"])
            (good if one.get("error") else bad).discard(one["line"])
        return Done(frozenset(good), frozenset(bad))

    def in_order(self) -> Iterator[Result]:
        """Yield the last result of each line, by line; only where they lie is held in memory."""
        places: dict[int, int] = {}
        for at, one in self._whole():
            places[one["line"]] = at
        order = array("q", sorted(places))
        if not order:
            return
        with self.path.open("rb") as file:
            for line in order:
                file.seek(places[line])
                found: Result = json.loads(file.readline())
                yield found

    def follow(self, position: int) -> tuple[list[Result], int]:
        """Return the results from `position` (bytes) on, and where to go on."""
        found = []
        for at, one in self._whole(position):
            found.append(one)
            position = at
        return found, self._end_of(position) if found else position

    def _end_of(self, at: int) -> int:
        with self.path.open("rb") as file:
            file.seek(at)
            return at + len(file.readline())

    def _whole(self, position: int = 0) -> Iterator[tuple[int, Result]]:
        """Yield place and content of each whole line; a last one that was cut off does not count."""
        if not self.path.is_file():
            return
        with self.path.open("rb") as file:
            file.seek(position)
            at = position
            for text in file:
                if text.endswith(b"\n") and (one := _parsed(text)) is not None:
                    yield at, one
                at += len(text)


class Writer:
    """Appends to a journal."""

    def __init__(self, journal: Journal) -> None:
        self._path = journal.path

    def __enter__(self) -> Self:
        with storage_errors(self._path):
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            _cut_to_whole_lines(descriptor)
            self._file = os.fdopen(descriptor, "ab")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def append(self, result: Result) -> None:
        """Write one result down; it outlives a kill of this process."""
        with storage_errors(self._path):
            self._file.write(json.dumps(result).encode() + b"\n")
            self._file.flush()


def _cut_to_whole_lines(descriptor: int) -> None:
    """Take away a last line that a kill cut off."""
    end = os.lseek(descriptor, 0, os.SEEK_END)
    while end > 0:
        start = max(0, end - 65_536)
        found = os.pread(descriptor, end - start, start).rfind(b"\n")
        if found >= 0:
            end = start + found + 1
            break
        end = start
    os.ftruncate(descriptor, end)
    os.lseek(descriptor, 0, os.SEEK_END)


def _parsed(text: bytes) -> Result | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) and isinstance(found.get("line"), int) else None
