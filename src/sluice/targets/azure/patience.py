"""How long to wait, and for what: pure, but for `Clock`, which waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Final, Protocol

from sluice.errors import Interrupted
from sluice.targets.azure.transport import Response

_TRY_AGAIN: Final = frozenset({408, 429, 500, 502, 503, 504})
_NOT_DONE: Final = frozenset({429, 503})
"""Answers that say that nothing was done: after them even a POST is safe to send again."""


@dataclass(frozen=True)
class Patience:
    """Bounds in seconds. `attempts` counts the first one, too; `operation_s` is for a long-running operation."""

    attempts: int = 7
    first_s: float = 1.0
    longest_s: float = 60.0
    poll_s: float = 2.0
    least_poll_s: float = 0.5
    slowest_poll_s: float = 15.0
    operation_s: float = 3600.0


class Clock(Protocol):
    """Time, and waiting that can be cut short."""

    def now(self) -> float:
        """Return seconds since 1970."""
        ...

    def wait(self, seconds: float) -> None:
        """Wait. Raises Interrupted when the user stops it."""
        ...


@dataclass
class WallClock:
    """Real time. `stop` ends a wait at once."""

    stop: threading.Event = field(default_factory=threading.Event)

    def now(self) -> float:
        """Return seconds since 1970."""
        return time.time()

    def wait(self, seconds: float) -> None:
        """Wait. Raises Interrupted when `stop` is set."""
        if self.stop.wait(seconds):
            raise Interrupted(
                "stopped while Azure was at work; what was begun there goes on",
                remedy="Look with `sluice status`; the next `sluice up` waits for it and goes on.",
            )


def pause(method: str, answer: Response | None, attempt: int, patience: Patience, now: float) -> float | None:
    """Return the seconds to wait before a request is sent again; None where it is not to be.

    Args:
        method: the request's; a POST is sent again only after answers that say that nothing was done.
        answer: what came; None for no answer at all.
        attempt: how often it was sent, from 1.
        patience: the bounds.
        now: seconds since 1970, for a Retry-After that is a date.
    """
    if attempt >= patience.attempts:
        return None
    if answer is None:
        return _backoff(attempt, patience) if method != "POST" else None
    if answer.status not in (_NOT_DONE if method == "POST" else _TRY_AGAIN):
        return None
    asked = retry_after(answer.headers, now)
    return min(asked if asked is not None else _backoff(attempt, patience), patience.longest_s)


def _backoff(attempt: int, patience: Patience) -> float:
    return min(float(patience.first_s * 2 ** (attempt - 1)), patience.longest_s)


def poll_pause(answer: Response, polls: int, patience: Patience, now: float) -> float:
    """Return the seconds until a long-running operation is looked at again: what Azure asks, else growing."""
    asked = retry_after(answer.headers, now)
    growing = min(patience.poll_s * 1.5 ** min(polls, 20), patience.slowest_poll_s)
    return max(min(asked if asked is not None else growing, patience.longest_s), patience.least_poll_s)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds of a Retry-After header (seconds or a date); None where there is none that can be read."""
    for name, unit in (("retry-after-ms", 0.001), ("x-ms-retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        try:
            if value:
                return max(0.0, float(value) * unit)
        except ValueError:
            return _until(value, now)
    return None


def _until(date: str, now: float) -> float | None:
    try:
        return max(0.0, parsedate_to_datetime(date).timestamp() - now)
    except ValueError:
        return None
