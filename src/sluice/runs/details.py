"""The lines of a run as a table: the first, or the worst. Pure."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sluice.errors import UsageError
from sluice.judging.scores import is_number

_LONGEST: Final = 60


def worst_of(
    rows: Iterable[Mapping[str, Any]], count: int, metric: str | None, *, highest: bool
) -> list[Mapping[str, Any]]:
    """Return the worst lines: those that failed, then those with the lowest (or highest) value of an output.

    Without `metric` it is the first numeric output of the first line that has one; lines without a value come last.
    Raises UsageError where no line has that output.
    """
    kept: list[tuple[tuple[int, float, int], Mapping[str, Any]]] = []
    seen = metric is None
    for row in rows:
        output = row.get("output") or {}
        metric = metric or next((name for name, value in output.items() if is_number(value)), None)
        seen = seen or metric in output
        value = output.get(metric) if metric else None
        rank = 0 if row.get("error") else 1 if is_number(value) else 2
        number = float(value) if rank == 1 and value is not None else 0.0
        kept.append(((rank, -number if highest else number, row["line"]), row))
        if len(kept) > 4 * count + 100:
            kept = heapq.nsmallest(count, kept, key=lambda one: one[0])
    if not seen:
        raise UsageError(f"no line has an output `{metric}`", remedy="Choose another --metric.")
    return [row for _, row in heapq.nsmallest(count, kept, key=lambda one: one[0])]


def cells(rows: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return head and rows of a table: line, inputs, outputs, and the error where one of them has one."""
    inputs = tuple(dict.fromkeys(name for row in rows for name in row["inputs"]))
    outputs = tuple(dict.fromkeys(name for row in rows for name in row.get("output") or {}))
    errors = ("error",) if any(row.get("error") for row in rows) else ()
    head = ("line", *(f"inputs.{name}" for name in inputs), *(f"outputs.{name}" for name in outputs), *errors)
    found = [
        (
            str(row["line"]),
            *(short(row["inputs"].get(name, "")) for name in inputs),
            *(short((row.get("output") or {}).get(name, "")) for name in outputs),
            *(short(row.get("error") or "") for _ in errors),
        )
        for row in rows
    ]
    return head, found


def short(value: Any, longest: int = _LONGEST) -> str:
    """Return a value in one line of text, cut."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 3]}..."
