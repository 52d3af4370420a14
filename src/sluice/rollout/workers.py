"""The work of steps, each in a thread of its own, so that judging never waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from sluice.judging.verdicts import Verdict
from sluice.rollout.models import WorkResult
from sluice.rollout.world import Result, Scene
from sluice.spec.rollout import Work

Perform = Callable[[Work, Scene], Result]


@dataclass
class Workers:
    """Starts the work of a step once, and tells how it ended. `perform` blocks until it has."""

    perform: Perform
    _ended: SimpleQueue[WorkResult] = field(default_factory=SimpleQueue)
    _running: tuple[int, int] | None = None
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self, step: int, attempt: int, work: Work, scene: Callable[[threading.Event], Scene]) -> None:
        """Start the work of an attempt; one that runs already is left alone, another is stopped."""
        if self._running == (step, attempt):
            return
        self.stop()
        self._running, self._stop = (step, attempt), threading.Event()
        run = self._run
        stop = self._stop
        self._thread = threading.Thread(target=lambda: run(step, attempt, work, scene, stop), daemon=True)
        self._thread.start()

    def finished(self) -> tuple[WorkResult, ...]:
        """Return the results that came in since the last call."""
        found = []
        while True:
            try:
                found.append(self._ended.get_nowait())
            except Empty:
                return tuple(found)

    def keep(self, step: int, attempt: int) -> None:
        """Stop all work but that of this attempt."""
        if self._running and self._running != (step, attempt):
            self.stop()

    def stop(self) -> None:
        """Tell what runs to end."""
        self._stop.set()
        self._running = None

    def _run(
        self,
        step: int,
        attempt: int,
        work: Work,
        scene: Callable[[threading.Event], Scene],
        stop: threading.Event,
    ) -> None:
        try:
            result = self.perform(work, scene(stop))
        except Exception as error:
            result = Result(Verdict.INCONCLUSIVE, f"the work of the step broke off: {error}")
        if not stop.is_set():
            self._ended.put(WorkResult(step, attempt, result.verdict, result.says))
