"""What a gateway's death cost: when it was, how long it was down, and about how many requests were lost.

A killed Envoy writes nothing about requests in flight, so their number is estimated from those that it
answered just before (Little's law: arrivals a second times seconds each), plus arrivals while it was down.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

# The log is flushed five times a second, so the last 0.3 s before a death may be missing from it.
WINDOW_S: Final = 5.0
UNWRITTEN_S: Final = 0.3


@dataclass(frozen=True)
class Answered:
    """A request of the access log: when it began (seconds since 1970) and how long it took."""

    began: float
    seconds: float


@dataclass(frozen=True)
class Restart:
    """A gateway that died and was started again."""

    died: float
    down_s: float
    lost: int


def restarts(events: Iterable[Mapping[str, Any]], answered: Iterable[Answered]) -> tuple[Restart, ...]:
    """Return each restart with an estimate of the requests it cost, oldest first."""
    requests = tuple(answered)
    return tuple(
        Restart(died, down, estimated_loss(requests, died, down))
        for event in events
        if event["kind"] == "restarted"
        for down in [float(event["downtime_s"] or 0)]
        for died in [float(event["time"]) - down]
    )


def estimated_loss(requests: Iterable[Answered], died: float, down_s: float) -> int:
    """Return about how many requests were in flight or arrived while nothing listened."""
    first, last = died - WINDOW_S, died - UNWRITTEN_S
    recent = [request for request in requests if first <= request.began < last]
    rate = len(recent) / (last - first)
    each = sum(request.seconds for request in recent) / len(recent) if recent else 0.0
    return round(rate * (each + down_s))


def read_restarts(events: Path, access_log: Path) -> tuple[Restart, ...]:
    """Read the restarts of a gateway from its launcher's events and its access log."""
    known = list(_lines(events))
    if not any(event["kind"] == "restarted" for event in known):
        return ()
    return restarts(known, (_answered(line) for line in _lines(access_log) if "time" in line))


def _answered(line: Mapping[str, Any]) -> Answered:
    began = datetime.fromisoformat(str(line["time"])).timestamp()
    return Answered(began, float(line.get("ms") or 0) / 1000)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects of a file; a line cut short by a death is left out."""
    try:
        text = path.read_text(errors="replace")
    except FileNotFoundError:
        return
    for line in text.splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue
