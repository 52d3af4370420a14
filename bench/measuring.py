"""Measuring for all benchmarks: interleaved repetitions, medians, the machine, a table or JSON."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Series:
    """Repeated measurements of one case; the unit is the benchmark's."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle value."""
        return statistics.median(self.values)

    def row(self, name: str, form: str) -> tuple[str, ...]:
        """Return the case as a row of the table: name, median, min, max."""
        return name, *(format(value, form) for value in (self.median, min(self.values), max(self.values)))

    def plain(self) -> dict[str, Any]:
        """Return the case as JSON."""
        return {
            "median": self.median,
            "min": min(self.values),
            "max": max(self.values),
            "values": list(self.values),
        }


def interleaved(cases: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, tuple[T, ...]]:
    """Measure every case once a round, every second round in reverse: what else the machine does hits all alike."""
    found: dict[str, list[T]] = {name: [] for name in cases}
    for number in range(rounds):
        names = list(cases) if number % 2 == 0 else list(cases)[::-1]
        for name in names:
            found[name].append(cases[name]())
    return {name: tuple(values) for name, values in found.items()}


def seconds(work: Callable[[], object]) -> float:
    """Return how long a call takes, by the wall clock."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def machine() -> dict[str, Any]:
    """Return the facts a figure means nothing without; `load` is the average of the last minute, before the run."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cores": os.cpu_count(),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def wait_for_quiet(limit: float, minutes: float) -> None:
    """Wait until the machine's load is below `limit`, at most so many minutes; the load is in the report anyway."""
    deadline = time.monotonic() + minutes * 60
    while os.getloadavg()[0] > limit and time.monotonic() < deadline:
        time.sleep(5)


def parser(description: str, *, rounds: int) -> argparse.ArgumentParser:
    """Return the command line that all benchmarks have."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--rounds", type=int, default=rounds, help=f"repetitions of every case (default: {rounds})")
    add_common(made)
    return made


def add_common(made: argparse.ArgumentParser) -> None:
    """Add the options that every benchmark has."""
    made.add_argument("--json", action="store_true", help="print JSON")
    made.add_argument("--quiet-load", type=float, default=0.7, help="load to wait for before measuring (default: 0.7)")
    made.add_argument(
        "--wait", type=float, default=0, metavar="MINUTES", help="wait at most so long for it (default: 0)"
    )


def show(title: str, facts: Mapping[str, Any], head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table, the first column to the left, the others to the right."""
    print(f"{title}\n{facts['date']}, {facts['cores']} cores, {facts['processor']}, load before {facts['load']}\n")
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row in (*([head] if any(head) else []), *rows):
        first, *rest = (
            cell.ljust(width) if index == 0 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  ".join((first, *rest)).rstrip())
    print()


def show_json(facts: Mapping[str, Any], **content: Any) -> None:
    """Print the whole result as one JSON document."""
    print(json.dumps({"machine": dict(facts), **content}, indent=2))
