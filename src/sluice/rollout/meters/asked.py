"""Metrics that are asked for outside: each in a thread of its own, so that a slow source holds up nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event

from sluice.errors import SluiceError
from sluice.rollout.meters.numbers import NoReading, related
from sluice.spec.rollout import Compare, MetricRule

SHORTEST_S = 0.1
_DEPLOYMENT, _ENDPOINT = "${deployment}", "${endpoint}"
_LEFT_S = 5.0


@dataclass(frozen=True)
class Reading:
    """A number, or None and why there is none, in words for people."""

    number: float | None
    trouble: str = ""


@dataclass(frozen=True)
class Names:
    """What the placeholders in a question stand for."""

    endpoint: str
    deployment: str

    def put_in(self, text: str) -> str:
        """Return the text with the names in their places."""
        return text.replace(_DEPLOYMENT, self.deployment).replace(_ENDPOINT, self.endpoint)


Question = Callable[[Names, Event], float]
"""Asks once, and gives up when the event is set. Raises NoReading."""


def reading(rule: MetricRule, question: Question, endpoint: str, pair: tuple[str, str], stop: Event) -> Reading:
    """Ask for a metric: of the new deployment, and of the stable one where the two are compared. Never raises.

    `pair` are the stable deployment and the new one.
    """
    stable, green = (Names(endpoint, name) for name in pair)
    compare = rule.limits.compare
    if compare is not Compare.VALUE and not _asks_by_name(rule):
        return Reading(None, f"{rule.name}: can't be compared: the question has no {_DEPLOYMENT} in it")
    try:
        number = question(green, stop)
        return Reading(number if compare is Compare.VALUE else related(compare, number, question(stable, stop)))
    except NoReading as error:
        return Reading(None, f"{rule.name}: {error}")
    except SluiceError as error:
        return Reading(None, f"{rule.name}: {error.message}")
    except Exception as error:  # a source must never end its thread; its words may hold a secret
        return Reading(None, f"{rule.name}: asking broke off ({type(error).__name__})")


def _asks_by_name(rule: MetricRule) -> bool:
    ask = rule.ask
    texts = [ask.query, *ask.command, *(one for one in (ask.address, *ask.headers.values()) if isinstance(one, str))]
    return any(_DEPLOYMENT in text for text in texts)


@dataclass
class Asker:
    """Asks one question every so often, from `start` to `close`. A clock that jumps changes nothing."""

    ask: Callable[[Event], Reading]
    interval_s: float
    _stop: Event = field(default_factory=Event)
    _latest: list[Reading] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; the first question is asked at once."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def take(self) -> Reading | None:
        """Return the latest reading, once; None where none came in since the last call."""
        with self._lock:
            return self._latest.pop() if self._latest else None

    def stop(self) -> None:
        """Tell it to end; what it has started ends with it."""
        self._stop.set()

    def close(self) -> None:
        """Stop it, and wait until its thread has ended."""
        self.stop()
        if self._thread:
            self._thread.join(_LEFT_S)

    def _run(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            found = self.ask(self._stop)
            with self._lock:
                self._latest = [] if self._stop.is_set() else [found]
            self._stop.wait(max(SHORTEST_S, self.interval_s - (time.monotonic() - began)))


def taken(askers: Mapping[str, Asker]) -> dict[str, Reading]:
    """Return what came in since the last call, by metric."""
    return {name: found for name, asker in askers.items() if (found := asker.take())}


def close_all(askers: Mapping[str, Asker]) -> None:
    """Stop all of them, at once."""
    for asker in askers.values():
        asker.stop()
    for asker in askers.values():
        asker.close()
