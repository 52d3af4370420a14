"""The lines of a run: data, and the base run's lines, paired by number, with the inputs that follow. Pure.

The base run says which lines there are, where there is one: a line of it that failed is a line of this run that
fails, so that nothing that went wrong drops out of a comparison.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from sluice.runs.data import Row
from sluice.runs.mapping import DATA, INPUTS, OUTPUTS, mapped
from sluice.spec.frozen import frozen_map


@dataclass(frozen=True)
class Line:
    """One line to run: its number, the flow's inputs, or why it can't be run; `base` is where its images lie."""

    number: int
    inputs: Mapping[str, Any] = field(default_factory=frozen_map)
    fault: str = ""
    base: Path | None = None


@dataclass(frozen=True)
class Sources:
    """Rows by source, each in the order of their numbers; None where the run has no such source."""

    data: Iterable[Row] | None = None
    outputs: Iterable[Row] | None = None
    inputs: Iterable[Row] | None = None


def lines(sources: Sources, mapping: Mapping[str, Any]) -> Iterator[Line]:
    """Yield the lines of a run, in the order of their numbers."""
    if sources.outputs is None:
        yield from (_line(row.number, {DATA: row}, mapping) for row in sources.data or ())
        return
    others = {
        name: _Paired(rows) for name, rows in ((DATA, sources.data), (INPUTS, sources.inputs)) if rows is not None
    }
    for output in sources.outputs:
        found = {name: rows.at(output.number) for name, rows in others.items()}
        yield _line(output.number, {OUTPUTS: output, **found}, mapping)


def _line(number: int, found: Mapping[str, Row | None], mapping: Mapping[str, Any]) -> Line:
    gone = [f"{name} has no line {number}" for name, row in found.items() if row is None]
    rows = {name: row for name, row in found.items() if row is not None}
    faults = [row.fault for row in rows.values() if row.fault]
    base = next((row.base for row in rows.values() if row.base), None)
    if faults or gone:
        return Line(number, fault="; ".join([*faults, *gone]), base=base)
    inputs, missing = mapped(mapping, {name: row.values for name, row in rows.items()})
    return Line(number, frozen_map(inputs), missing, base)


class _Paired:
    """Rows of one source, asked for by numbers that grow."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = iter(rows)
        self._next = next(self._rows, None)

    def at(self, number: int) -> Row | None:
        """Return the row of a number, passing over those before it."""
        while self._next is not None and self._next.number < number:
            self._next = next(self._rows, None)
        return self._next if self._next is not None and self._next.number == number else None


def without(found: Iterable[Line], done: frozenset[int] | set[int]) -> Iterator[Line]:
    """Yield the lines that are not done yet."""
    return (line for line in found if line.number not in done)


def peeked(found: Iterator[Line]) -> tuple[Line | None, Iterator[Line]]:
    """Return the first line, and all of them."""
    first = next(found, None)
    return first, iter(()) if first is None else chain((first,), found)
