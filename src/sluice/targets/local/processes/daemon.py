"""The process supervisor itself: one supervisord for one root folder, started, found again, stopped."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from sluice.errors import SupervisorFailed
from sluice.targets.local.files import tail, write_private
from sluice.targets.local.processes import rpc
from sluice.targets.local.processes.config import supervisord_ini
from sluice.targets.local.processes.identity import (
    ProcessIdentity,
    alive,
    identity_of,
    read_identity,
    send,
    write_identity,
)
from sluice.targets.local.processes.runtime import Runtime

T = TypeVar("T")

START_DEADLINE_S = 30.0
LOOK_EVERY_S = 0.02
MOST_FILES = 4096  # each program takes three
INHERITED = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")  # what Python may need to start; no secrets


def wait_until(answer: Callable[[], T | None], seconds: float) -> T | None:
    """Ask again and again until the answer is not None; None after `seconds`."""
    until = time.monotonic() + seconds
    while (found := answer()) is None and time.monotonic() < until:
        time.sleep(LOOK_EVERY_S)
    return found


class Daemon:
    """One supervisord. `ensure`, `stop` and `remove_files` want the runtime's lock held by the caller."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def call(self, method: str, *names: str, wait: bool | None = None) -> object:
        """Call a method of its RPC interface. Raises rpc.Silent, rpc.Refused."""
        socket = self._runtime.supervisor_socket()
        if socket is None:
            raise rpc.Silent("there is no socket")
        return rpc.call(socket, method, *names, wait=wait)

    def lives(self) -> bool:
        """Tell whether it runs, answering or not."""
        identity = self._identity()
        return identity is not None and alive(identity)

    def _identity(self) -> ProcessIdentity | None:
        """Return which process it is; None also where the record is of another root that this one was copied from."""
        return read_identity(self._runtime.identity) if self._runtime.is_own() else None

    def ensure(self) -> None:
        """Start it unless it answers; one that hangs or lost its socket is replaced, which no program notices.

        Raises SupervisorFailed.
        """
        pid = self._pid()
        if pid is None:
            self._clear_away()
            self._start()
            pid = wait_until(self._pid, START_DEADLINE_S)
        identity = None if pid is None else identity_of(pid)
        if identity is None:
            raise self.failed("started, but does not answer")
        if identity != read_identity(self._runtime.identity):
            write_identity(self._runtime.identity, identity)

    def stop(self, longest_s: float) -> None:
        """Stop it and the programs it knows; kill it when that takes more than `longest_s`."""
        with suppress(rpc.Silent, rpc.Refused):
            self.call("stopAllProcesses", wait=False)  # all at once: a shutdown stops one after another
            wait_until(self._all_stopped, longest_s)
            self.call("shutdown")
            wait_until(lambda: None if self.lives() else True, longest_s)
        self._clear_away()
        self._runtime.identity.unlink(missing_ok=True)

    def remove_files(self) -> None:
        """Remove its files, and the folders that are empty then."""
        runtime = self._runtime
        sockets = runtime.sockets()
        logs = runtime.root.glob("supervisord.log*")
        rest = (
            runtime.root_record,
            runtime.start_log,
            runtime.config,
            runtime.identity,
            runtime.pidfile,
            runtime.socket_record,
        )
        for file in (*logs, *rest, runtime.lock):
            file.unlink(missing_ok=True)
        outside = () if sockets.parent == runtime.root else (sockets.parent,)
        for folder in (sockets, *outside, *runtime.folders(), runtime.root):
            with suppress(OSError):  # something of somebody else's lies there
                folder.rmdir()

    def failed(self, what: str) -> SupervisorFailed:
        """Return the error that says what happened to it, with its last log lines."""
        lines = tail(self._runtime.start_log, 5) + tail(self._runtime.log, 10)
        return SupervisorFailed(
            f"the process supervisor {what}",
            remedy=f"Its log is {self._runtime.log}; mend the cause and try again.",
            details="\n".join(lines),
        )

    def _pid(self) -> int | None:
        with suppress(rpc.Silent, rpc.Refused):
            pid = self.call("getPID")
            return pid if isinstance(pid, int) else None
        return None

    def _all_stopped(self) -> bool | None:
        """Return True when no program is still stopping, else None."""
        infos = self.call("getAllProcessInfo")
        if not isinstance(infos, list) or all(info["statename"] != "STOPPING" for info in infos):
            return True
        # a launcher between fork and exec loses the signal, which supervisord would notice after its whole grace
        self.call("signalAllProcesses", "TERM")
        return None

    def _clear_away(self) -> None:
        """Kill what is left of it, so that it stops no program in going, and remove its socket."""
        before = self._identity()
        if before is not None:
            send(before, signal.SIGKILL)
            wait_until(lambda: None if alive(before) else True, START_DEADLINE_S)
        socket = self._runtime.supervisor_socket()
        if socket is not None:
            socket.unlink(missing_ok=True)

    def _start(self) -> None:
        """Run supervisord until it has left for the background, its socket made."""
        runtime = self._runtime
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        files = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
        socket = runtime.sockets() / runtime.socket_name
        write_private(runtime.config, supervisord_ini(runtime.root, socket, files))
        write_private(runtime.start_log, "")
        with runtime.start_log.open("ab") as errors:
            try:
                done = subprocess.run(
                    [sys.executable, "-m", "supervisor.supervisord", "-c", runtime.config.name],
                    cwd=runtime.root,
                    env={"LANG": "C.UTF-8", **{name: os.environ[name] for name in INHERITED if name in os.environ}},
                    stdin=subprocess.DEVNULL,
                    stdout=errors,
                    stderr=errors,
                    start_new_session=True,
                    umask=0o077,
                    timeout=START_DEADLINE_S,
                    check=False,
                )
            except subprocess.TimeoutExpired as error:
                raise self.failed(f"did not start within {START_DEADLINE_S:.0f} s") from error
        if done.returncode != 0:
            raise self.failed(f"ended at its start with status {done.returncode}")
