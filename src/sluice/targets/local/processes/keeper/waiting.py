"""Waiting, in one thread: for a signal, the end of a process, a socket, or a moment."""

from __future__ import annotations

import os
import select
import signal
import socket
import time

from .pids import birth, end_session, open_pidfd

LOOK_AGAIN_S = 0.5  # how often to look where no file descriptor tells
STOPS = (signal.SIGTERM, signal.SIGINT)
FORWARDED = (signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


class Watched:
    """A process, known by pid and birth mark, that may or may not be our child.

    Raises ProcessLookupError when no such process lives.
    """

    def __init__(self, pid: int, mark: str, *, ours: bool = False) -> None:
        self.pid = pid
        self.mark = mark
        self.ours = ours
        self.fd = open_pidfd(pid)
        if not ours and birth(pid) != mark:
            self.close()
            raise ProcessLookupError(pid)

    def close(self) -> None:
        """Let go of it; the process lives on."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def ended(self) -> bool:
        """Tell whether the process has ended (a zombie has)."""
        if self.fd < 0:
            return birth(self.pid) != self.mark
        return self.ended_within(0.0)

    def ended_within(self, seconds: float) -> bool:
        """Wait until the process has ended; False when it has not within `seconds`."""
        until = time.monotonic() + seconds
        if self.fd >= 0:
            poller = select.poll()
            poller.register(self.fd, select.POLLIN)
            return bool(poller.poll(seconds * 1000))
        while not (gone := birth(self.pid) != self.mark) and time.monotonic() < until:
            time.sleep(0.02)
        return gone

    def send(self, signum: int) -> None:
        """Signal it, if it still lives."""
        if not self.ended():
            try:
                os.kill(self.pid, signum)
            except ProcessLookupError:
                return

    def stop(self, grace_s: float) -> None:
        """SIGTERM, and SIGKILL if that has not ended it after `grace_s`."""
        self.send(signal.SIGTERM)
        if not self.ended_within(grace_s):
            self.send(signal.SIGKILL)
            self.ended_within(grace_s)

    def bury(self) -> int | None:
        """End what is left of its session; return its exit code, -N for signal N, None when not our child."""
        # before the zombie is reaped: till then its pid, and so the session's number, is nobody else's
        end_session(self.pid, self.mark)
        self.close()
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1]) if self.ours else None


class Bell:
    """Our signals, and waiting: for a signal, a socket, the end of a process, or a moment."""

    def __init__(self) -> None:
        self.stop = False
        self._passed: list[int] = []
        self._reader, writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for signum in (*STOPS, *FORWARDED, signal.SIGCHLD):
            signal.signal(signum, self._heard)

    def _heard(self, signum: int, _: object) -> None:
        self.stop = self.stop or signum in STOPS
        if signum in FORWARDED:
            self._passed.append(signum)

    def wait(
        self, until: float, process: Watched | None = None, sock: socket.socket | None = None, event: int = 0
    ) -> bool:
        """Wait until `sock` is ready (True) or the moment has come, the process ended, we are to stop (False)."""
        poller = select.poll()
        poller.register(self._reader, select.POLLIN)
        if process and process.fd >= 0:
            poller.register(process.fd, select.POLLIN)
        if sock:
            poller.register(sock, event)
        while not self.stop and not (process and process.ended()) and (left := until - time.monotonic()) > 0:
            blind = process is not None and process.fd < 0
            ready = poller.poll(min(left, LOOK_AGAIN_S if blind else 3600.0) * 1000 + 1)
            self._pass_on(process)
            if sock and any(fd == sock.fileno() for fd, _ in ready):
                return True
        return False

    def _pass_on(self, process: Watched | None) -> None:
        try:
            os.read(self._reader, 4096)
        except BlockingIOError:
            return
        while self._passed:
            signum = self._passed.pop(0)
            if process:
                process.send(signum)
