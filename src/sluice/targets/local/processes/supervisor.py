"""Keeps programs running after the command that started them has gone.

Every program runs under a launcher of its own, which outlives a supervisord that dies and keeps its child;
the launchers of the next supervisord stand in line behind it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sluice.errors import SupervisorFailed
from sluice.targets.local.files import locked, read_text, storage_errors, tail, try_lock, write_private
from sluice.targets.local.processes import rpc
from sluice.targets.local.processes.config import LAUNCHER_GRACE_S, program_ini
from sluice.targets.local.processes.daemon import LOOK_EVERY_S, Daemon, wait_until
from sluice.targets.local.processes.identity import ProcessIdentity, alive, read_identity, send, terminate
from sluice.targets.local.processes.program import Program, ProgramState, document, secrets_document, state_of
from sluice.targets.local.processes.runtime import ProgramFiles, Runtime

LAUNCHER = Path(__file__).with_name("launcher.py")
USUAL_GRACE_S = 10.0
AT_REST = ("STOPPED", "EXITED", "FATAL")  # supervisor's names of the states that starting ends


class Supervisor:
    """The programs of one root folder. Methods block; many threads and processes may call them at once."""

    def __init__(self, root: Path) -> None:
        self.runtime = Runtime(root.absolute())
        self._daemon = Daemon(self.runtime)

    def alive(self) -> bool:
        """Tell whether the supervisor runs; without it, nobody keeps the launchers."""
        return self._daemon.lives()

    def ensure(self) -> None:
        """Start the supervisor unless it runs; programs that run go on, those that died start again.

        Raises SupervisorFailed, with the last lines of its log, and StorageFailed.
        """
        with self.runtime.locked():
            self._daemon.ensure()

    def add(self, program: Program) -> None:
        """Keep a program running; start it, unless it runs already. A changed one is stopped and replaced.

        Returns once the supervisor has accepted it; whether it serves is the caller's to ask.
        Raises SupervisorFailed, StorageFailed.
        """
        self._disown_copies()
        files = self.runtime.program(program.name)
        with locked(self.runtime.program_lock(program.name)):
            if not _is_current(files, program):
                self._remove(files)
            with self.runtime.locked():
                _write(files, program)
                self._daemon.ensure()
            self._run(program.name)

    def remove(self, name: str) -> None:
        """Stop a program with its grace, wait until nothing of it is left, and delete its files, log included.

        Raises SupervisorFailed when it can't be stopped.
        """
        if not self.runtime.locks_folder.exists():
            return
        self._disown_copies()
        lock = self.runtime.program_lock(name)
        with locked(lock):
            self._remove(self.runtime.program(name))
            lock.unlink(missing_ok=True)

    def programs(self) -> tuple[ProgramState, ...]:
        """Return how all programs are doing, by name; true even when the supervisor is dead."""
        names = self.runtime.names()
        if not self.runtime.is_own():
            return tuple(state_of(name, None, kept=False, lives=False) for name in names)
        supervised = self._daemon.lives()
        return tuple(_state(name, self.runtime.program(name), supervised=supervised) for name in names)

    def log_path(self, name: str) -> Path:
        """Return the file a program's output goes to; an older part may stand beside it, named .1 at the end."""
        return self.runtime.program(name).log

    def log_tail(self, name: str, lines: int) -> list[str]:
        """Return the last lines of a program's output, oldest first; none when there is no output."""
        return tail(self.log_path(name), lines)

    def stop_if_idle(self) -> None:
        """Stop the supervisor and remove its files when no program is left."""
        if self.runtime.root.exists():
            with self.runtime.locked():
                if not self.runtime.names():
                    self._daemon.stop(USUAL_GRACE_S)
                    self._daemon.remove_files()

    def shutdown(self) -> None:
        """Stop all programs, each with its grace, and the supervisor; `ensure` starts them all again.

        Raises SupervisorFailed when one can't be stopped.
        """
        if not self.runtime.root.exists():
            return
        with self.runtime.locked():
            programs = [self.runtime.program(name) for name in self.runtime.names()]
            self._daemon.stop(max(map(_grace, programs), default=0) + 2 * LAUNCHER_GRACE_S)
            for files in programs:
                with _stopped(files, _grace(files)):
                    pass

    def _disown_copies(self) -> None:
        """In a root that was copied from another, forget the other's processes before touching any."""
        if not self.runtime.is_own():
            with self.runtime.locked():
                pass

    def _run(self, name: str) -> None:
        """Have the supervisor run a program whose files are in place."""
        for _ in range(2):
            try:
                return self._load_or_start(name)
            except rpc.Silent:  # killed this very moment, or stopped for being idle
                self.ensure()
            except rpc.Refused as refusal:
                raise self._daemon.failed(f"refused {name}: {refusal}") from refusal
        raise self._daemon.failed("does not answer")

    def _load_or_start(self, name: str) -> None:
        try:
            info = self._daemon.call("getProcessInfo", name)
        except rpc.Refused as refusal:
            if refusal.code != rpc.BAD_NAME:
                raise
            self._daemon.call("reloadConfig")
            with _allowed(rpc.ALREADY_ADDED):
                self._daemon.call("addProcessGroup", name)
        else:
            if isinstance(info, dict) and info["statename"] in AT_REST:
                with _allowed(rpc.ALREADY_STARTED):
                    self._daemon.call("startProcess", name, wait=False)

    def _remove(self, files: ProgramFiles) -> None:
        grace_s = _grace(files)
        files.conf.unlink(missing_ok=True)
        files.program.unlink(missing_ok=True)  # a launcher that would take over finds nothing to do
        self._tell_to_stop(files.folder.name)
        with _stopped(files, grace_s):
            wait_until(lambda: self._forgotten(files.folder.name), LAUNCHER_GRACE_S)
            with suppress(FileNotFoundError):
                shutil.rmtree(files.folder)

    def _tell_to_stop(self, name: str) -> None:
        with suppress(rpc.Silent, rpc.Refused):
            self._daemon.call("stopProcess", name, wait=False)

    def _forgotten(self, name: str) -> bool | None:
        """Have the supervisor forget a stopped program; None while it still sees it stopping."""
        try:
            self._daemon.call("removeProcessGroup", name)
        except rpc.Refused as refusal:
            if refusal.code == rpc.STILL_RUNNING:
                self._tell_to_stop(name)
                return None
        except rpc.Silent:
            return True
        return True


@contextmanager
def _allowed(code: int) -> Iterator[None]:
    """Let the supervisor refuse with this code: what was asked for is so already."""
    try:
        yield
    except rpc.Refused as refusal:
        if refusal.code != code:
            raise


def _is_current(files: ProgramFiles, program: Program) -> bool:
    wanted = document(program, files.log, files.secrets)
    return read_text(files.program) == wanted and read_text(files.secrets) == secrets_document(program)


def _write(files: ProgramFiles, program: Program) -> None:
    """Write a program's files, the supervisor's last: all is in place once it looks."""
    with storage_errors(files.folder):
        files.folder.mkdir(mode=0o700, exist_ok=True)
        files.lock.touch(mode=0o600)
    write_private(files.secrets, secrets_document(program))
    write_private(files.program, document(program, files.log, files.secrets))
    write_private(files.conf, program_ini(program, Path(sys.executable), LAUNCHER))


def _grace(files: ProgramFiles) -> float:
    text = read_text(files.program)
    return float(json.loads(text)["grace_s"]) if text else USUAL_GRACE_S


def _lives(identity: ProcessIdentity | None) -> bool:
    return identity is not None and alive(identity)


def _state(name: str, files: ProgramFiles, *, supervised: bool) -> ProgramState:
    text = read_text(files.state)
    kept = supervised or _lives(read_identity(files.lock))
    return state_of(name, json.loads(text) if text else None, kept=kept, lives=_lives(read_identity(files.state)))


@contextmanager
def _stopped(files: ProgramFiles, grace_s: float) -> Iterator[None]:
    """Stop a program's launchers, whoever started them, and its child, should they have left it; let none start."""
    if not files.folder.exists():
        yield
        return
    lock = _lock_after_launchers(files, grace_s)
    try:
        child = read_identity(files.state)
        if child is not None:
            terminate(child, grace_s, session=True)
        yield
    finally:
        os.close(lock)


def _lock_after_launchers(files: ProgramFiles, grace_s: float) -> int:
    """Return the launchers' lock, taken when the last has gone: each is told to stop, and killed if it does not."""
    told: set[ProcessIdentity] = set()
    patience = time.monotonic() + grace_s + LAUNCHER_GRACE_S
    while (lock := try_lock(files.lock)) is None:
        launcher = read_identity(files.lock)
        overdue = time.monotonic() - patience
        if overdue > LAUNCHER_GRACE_S:
            raise SupervisorFailed(f"the launcher of {files.folder.name} can't be stopped", remedy=f"See {files.log}.")
        if launcher and (overdue > 0 or launcher not in told):
            send(launcher, signal.SIGKILL if overdue > 0 else signal.SIGTERM)
            told.add(launcher)
        time.sleep(LOOK_EVERY_S)
    return lock
