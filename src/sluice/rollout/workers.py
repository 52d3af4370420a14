"""The work of steps, each in a thread of its own, so that judging never waits for it.

A live load passes at once, and goes on beside the steps after it: as long as it is not stopped it is done again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import TypeGuard, TypeVar

from sluice.judging.verdicts import Verdict
from sluice.rollout.models import WorkResult
from sluice.rollout.world import Result, Scene
from sluice.spec.rollout import Load, Work

T = TypeVar("T")
Perform = Callable[[Work, Scene], Result]
Scenes = Callable[[threading.Event], Scene]
_AGAIN_S = 5.0
_ENDING_S = 6.0


@dataclass
class Workers:
    """Starts the work of a step once, and tells how it ended. `perform` blocks until it has.

    A live load that could not be done is done again `again_s` seconds later.
    """

    perform: Perform
    again_s: float = _AGAIN_S
    _ended: SimpleQueue[WorkResult] = field(default_factory=SimpleQueue)
    _said: SimpleQueue[str] = field(default_factory=SimpleQueue)
    _beside: dict[int, tuple[threading.Event, threading.Thread]] = field(default_factory=dict)
    _running: tuple[int, int] | None = None
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self, step: int, attempt: int, work: Work, scene: Scenes) -> None:
        """Start the work of an attempt; one that runs already is left alone, another is stopped, a live load is not."""
        if self._running == (step, attempt):
            return
        if goes_on(work):
            self._accompany(step, work, scene)
            says = f"live load of {work.rate:g} requests a second until the rollout has ended"
            self._ended.put(WorkResult(step, attempt, Verdict.PASS, says))
            return
        self._leave()
        self._running, self._stop = (step, attempt), threading.Event()
        run = self._run
        stop = self._stop
        self._thread = threading.Thread(target=lambda: run(step, attempt, work, scene, stop), daemon=True)
        self._thread.start()

    def finished(self) -> tuple[WorkResult, ...]:
        """Return the results that came in since the last call."""
        return _taken(self._ended)

    def troubles(self) -> tuple[str, ...]:
        """Return why live loads could not be done, as far as it came in since the last call."""
        return _taken(self._said)

    def keep(self, step: int, attempt: int) -> None:
        """Stop all work but that of this attempt, and live loads."""
        if self._running and self._running != (step, attempt):
            self._leave()

    def stop(self) -> None:
        """Tell all that runs to end, and give requests of live loads that are under way a few seconds for it."""
        self._leave()
        beside, self._beside = self._beside, {}
        for stop, _ in beside.values():
            stop.set()
        for _, thread in beside.values():
            thread.join(_ENDING_S)

    def _leave(self) -> None:
        self._stop.set()
        self._running = None

    def _accompany(self, step: int, work: Work, scene: Scenes) -> None:
        if step not in self._beside:
            stop = threading.Event()
            thread = threading.Thread(target=lambda: self._go_on(work, scene, stop), daemon=True)
            self._beside[step] = stop, thread
            thread.start()

    def _go_on(self, work: Work, scene: Scenes, stop: threading.Event) -> None:
        while not stop.is_set():
            result = self._performed(work, scene, stop)
            if result.verdict is not Verdict.PASS:
                self._said.put(f"live load: {result.says}")
                stop.wait(self.again_s)

    def _performed(self, work: Work, scene: Scenes, stop: threading.Event) -> Result:
        try:
            return self.perform(work, scene(stop))
        except Exception as error:
            return Result(Verdict.INCONCLUSIVE, f"the work of the step broke off: {error}")

    def _run(
        self,
        step: int,
        attempt: int,
        work: Work,
        scene: Scenes,
        stop: threading.Event,
    ) -> None:
        result = self._performed(work, scene, stop)
        if not stop.is_set():
            self._ended.put(WorkResult(step, attempt, result.verdict, result.says))


def goes_on(work: Work | None) -> TypeGuard[Load]:
    """Tell whether work goes on beside the steps after it, to the end of the walk."""
    return isinstance(work, Load) and work.live


def _taken(queue: SimpleQueue[T]) -> tuple[T, ...]:
    found = []
    while True:
        try:
            found.append(queue.get_nowait())
        except Empty:
            return tuple(found)
