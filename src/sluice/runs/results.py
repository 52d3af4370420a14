"""What executes lines, as a protocol: a flow's workers and an endpoint fulfil it, and tests' fakes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from sluice.runs.lines import Line
from sluice.spec.frozen import frozen_map


@dataclass(frozen=True)
class LineResult:
    """How one line ended: an output, or an error; `aggregation` is what an aggregation needs of it."""

    line: Line
    output: Mapping[str, Any] | None = None
    error: str = ""
    seconds: float = 0.0
    tokens: int = 0
    aggregation: Mapping[str, Any] = field(default_factory=frozen_map)

    def plain(self) -> dict[str, Any]:
        """Return it as a line of the journal."""
        ended: dict[str, Any] = {"error": self.error} if self.error else {"output": dict(self.output or {})}
        more = {"aggregation": dict(self.aggregation)} if self.aggregation else {}
        return {
            "line": self.line.number,
            "inputs": dict(self.line.inputs),
            **ended,
            "seconds": self.seconds,
            "tokens": self.tokens,
            **more,
        }


@dataclass(frozen=True)
class Aggregated:
    """What an aggregation over all lines gave."""

    metrics: Mapping[str, Any] = field(default_factory=frozen_map)
    error: str = ""


class Executor(Protocol):
    """Executes lines, several at a time."""

    @property
    def aggregates(self) -> bool:
        """Whether there is an aggregation over all lines."""
        ...

    def results(self, lines: Iterator[Line], stop: Callable[[], bool]) -> Iterator[LineResult]:
        """Yield how each line ended, in the order of their ends; at `stop` those under way are left.

        At most so many lines are taken as can be under way at once. Raises RunFailed where none can be executed.
        """
        ...

    def aggregate(self, results: Path, stop: Callable[[], bool]) -> Aggregated:
        """Return what the aggregation says of a journal of results. Raises RunFailed where nothing can run it."""
        ...

    def close(self) -> None:
        """End every process and connection; doing it twice changes nothing."""
        ...
