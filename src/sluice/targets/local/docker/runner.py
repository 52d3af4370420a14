"""Keeps one container: a program under the supervisor, run as `python -m sluice.targets.local.docker.runner SPEC`.

It makes the container, or adopts the one that the runner before it left behind, writes its log to standard output,
ends it gracefully on SIGTERM, and ends itself with the container's status. While Docker is gone it says so, and waits.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final

from sluice.targets.local.docker.engine import Container, Engine, Refused, Unreachable
from sluice.targets.local.docker.limits import GIB
from sluice.targets.local.docker.logs import Cursor, since, stream
from sluice.targets.local.docker.spec import ENVIRONMENT_FILE, ContainerSpec, owner_in, parse

REFUSED: Final = 125  # as `docker run` ends when Docker itself fails
LONGEST_DELAY_S: Final = 10.0
LAST_LINES_S: Final = 5.0


@dataclass(frozen=True)
class Stop:
    """The runner was told to end."""


@dataclass(frozen=True)
class Ended:
    """The container ended with this status."""

    code: int


@dataclass(frozen=True)
class Lost:
    """The wait for the container's end came to nothing."""

    error: Exception


Event = Stop | Ended | Lost


def retry_delay(failures: int) -> float:
    """Return how many seconds to wait before Docker is asked again, after `failures` in a row: pure."""
    return min(LONGEST_DELAY_S, 0.25 * 2.0 ** min(failures, 10))


@dataclass(frozen=True)
class Place:
    """The files beside a runner's spec: the mark that a container may be there, and how far its log was read."""

    folder: Path

    @property
    def mark(self) -> Path:
        """There from before the container is made until after it was removed."""
        return self.folder / "container"

    @property
    def cursor(self) -> Cursor:
        """How far the log was read."""
        return Cursor(self.folder / "log-position")


class Runner:
    """Keeps the container of one spec. `connect` opens a connection to Docker, `write` takes the log.

    `events` brings a Stop from outside.
    """

    def __init__(
        self,
        spec: ContainerSpec,
        place: Place,
        connect: Callable[[], Engine],
        write: Callable[[bytes], object],
        events: SimpleQueue[Event],
    ) -> None:
        self._spec = spec
        self._place = place
        self._connect = connect
        self._write = write
        self._events = events
        self._stopping = False
        self._failures = 0

    def run(self) -> int:
        """Keep the container until it ends or a stop is asked; return the exit status."""
        while True:
            try:
                return self._end(self._connect()) if self._stopping else self._serve(self._connect())
            except Refused as refusal:
                self._say(f"Docker refuses container {self._spec.name}: {refusal}")
                return REFUSED
            except Unreachable as error:
                delay = retry_delay(self._failures)
                self._failures += 1
                self._say(f"Docker does not answer at {self._spec.address} ({error}); trying again in {delay:.1f} s")
                self._pause(delay)

    def _serve(self, engine: Engine) -> int:
        identifier = self._present(engine)
        self._failures = 0
        log, *_ = [self._beside(task, identifier) for task in (self._follow, self._await_end, self._watch_memory)]
        event = self._events.get()
        if isinstance(event, Lost):
            raise event.error
        if isinstance(event, Stop):
            self._stopping = True
            engine.stop(identifier, self._spec.grace_s)
        log.join(LAST_LINES_S)
        if isinstance(event, Ended):
            self._tell_end(engine.find(self._spec.name))
        self._remove(engine, identifier)
        return event.code if isinstance(event, Ended) else 0

    def _present(self, engine: Engine) -> str:
        """Return the id of the running container: the one that is there, if it is of this spec, or a new one."""
        found = engine.find(self._spec.name)
        if found and found.running and found.is_of(self._spec):
            self._say(f"adopted container {self._spec.name}")
            return found.id
        if found:
            self._tell_end(found if found.is_of(self._spec) else None)
            engine.remove(found.id)
        return self._made(engine)

    def _made(self, engine: Engine) -> str:
        self._place.mark.touch(mode=0o600)
        own = self._spec.command is not None
        identifier = engine.create(self._spec, {} if own else self._secrets())
        made = engine.find(self._spec.name)
        if own and made and os.getuid() == 0:
            self._hand_over(made.user, engine.passwd(identifier) if made.user else "")
        engine.start(identifier)
        return identifier

    def _secrets(self) -> Mapping[str, str]:
        found: dict[str, str] = json.loads((Path(self._spec.secrets) / ENVIRONMENT_FILE).read_text(encoding="utf-8"))
        return found

    def _hand_over(self, user: str, passwd: str) -> None:
        """Give the secret files, still of mode 600, to the user that the container runs as; only root can."""
        uid, gid = owner_in(user, passwd)
        for path in (Path(self._spec.secrets), *Path(self._spec.secrets).iterdir()):
            os.chown(path, uid, gid)

    def _beside(self, task: Callable[[str], None], identifier: str) -> threading.Thread:
        thread = threading.Thread(target=task, args=(identifier,), daemon=True)
        thread.start()
        return thread

    def _watch_memory(self, identifier: str) -> None:
        """Say when a process of the container is killed: the others may go on, so that it does not end."""
        try:
            for _ in self._connect().memory_kills(identifier):
                self._say(f"a process of container {self._spec.name} was killed: {out_of_memory(self._spec)}")
        except (Unreachable, Refused):  # the wait for the container's end says so
            return

    def _follow(self, identifier: str) -> None:
        cursor = self._place.cursor
        try:
            pieces = self._connect().logs(identifier, since(cursor.read(identifier)))
            stream(pieces, identifier, cursor, self._write)
        except (Unreachable, Refused):  # the wait for the container's end says so
            return

    def _await_end(self, identifier: str) -> None:
        try:
            self._events.put(Ended(self._connect().wait(identifier)))
        except (Unreachable, Refused) as error:
            self._events.put(Lost(error))

    def _end(self, engine: Engine) -> int:
        """End the container after Docker was gone while a stop was asked."""
        found = engine.find(self._spec.name)
        if found:
            engine.stop(found.id, self._spec.grace_s)
            self._remove(engine, found.id)
        return 0

    def _remove(self, engine: Engine, identifier: str) -> None:
        engine.remove(identifier)
        self._place.mark.unlink(missing_ok=True)

    def _pause(self, seconds: float) -> None:
        """Wait, no longer than until a stop is asked."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            try:
                event = self._events.get(timeout=left)
            except Empty:
                return
            if isinstance(event, Stop):
                self._stopping = True
                return

    def _tell_end(self, ended: Container | None) -> None:
        if ended:
            self._say(end_in_words(self._spec, ended))

    def _say(self, text: str) -> None:
        self._write(f"sluice: {text}\n".encode())


def end_in_words(spec: ContainerSpec, ended: Container) -> str:
    """Return how a container ended: out of memory, not started, or its status."""
    if ended.out_of_memory:
        return f"container {spec.name} was killed: {out_of_memory(spec)}"
    if ended.error:
        return f"container {spec.name} could not run: {ended.error}"
    return f"container {spec.name} ended with status {ended.exit_code}"


def out_of_memory(spec: ContainerSpec) -> str:
    """Return the cause in the form in which errors of Python's are found in a log."""
    limit = f" it may use, {spec.memory / GIB:.1f} GiB" if spec.memory else " there is"
    return f"OutOfMemoryError: it needed more than the memory{limit}"


def main(path: Path) -> int:
    """Run the runner of a spec; return the exit status."""
    from sluice.targets.local.docker.sdk import DockerEngine

    os.umask(0o077)
    spec = parse(path.read_text(encoding="utf-8"))
    events: SimpleQueue[Event] = SimpleQueue()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: events.put(Stop()))
    connect: Callable[[], Engine] = lambda: DockerEngine(spec.address)  # noqa: E731 - it needs its type
    return Runner(spec, Place(path.parent), connect, lambda text: os.write(1, text), events).run()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
