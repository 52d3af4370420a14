# ruff: noqa: PTH123, PTH208
# pathlib costs more to import than all else that a launcher loads
"""Processes by identity: a pid and a birth mark, for a pid alone is given to another process one day."""

from __future__ import annotations

import errno
import os
import signal
import sys
import time

if sys.platform == "linux":

    def _stat(pid: int) -> list[str] | None:
        """Return the fields of /proc/PID/stat from `state` on; the name before them may hold any sign."""
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                return file.read().rpartition(b")")[2].decode().split()
        except (FileNotFoundError, ProcessLookupError):
            return None

    def _boot() -> str:
        try:
            with open("/proc/sys/kernel/random/boot_id") as file:
                return file.read().strip()
        except OSError:
            return ""

    def birth(pid: int) -> str | None:
        """Return a mark no other process had or will have under this pid; None when dead, or a zombie."""
        fields = _stat(pid)
        return None if fields is None or fields[0] in "ZXx" else f"{fields[19]}@{_boot()}"

    def age(pid: int) -> float | None:
        """Return how many seconds ago the process started."""
        fields = _stat(pid)
        if fields is None:
            return None
        return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")

    def session_members(session: int) -> list[int]:
        """Return the living processes of a session."""
        found = []
        for entry in os.listdir("/proc"):
            fields = _stat(int(entry)) if entry.isdigit() else None
            if fields and int(fields[3]) == session and fields[0] not in "ZXx":
                found.append(int(entry))
        return found

    def open_pidfd(pid: int) -> int:
        """Return a descriptor that is readable once the process has ended; -1 where there is no such thing."""
        try:
            return os.pidfd_open(pid)
        except OSError as error:
            if error.errno in (errno.ENOSYS, errno.EPERM):
                return -1
            raise

else:

    def birth(pid: int) -> str | None:
        """Return a mark no other process had or will have under this pid; None when dead, or a zombie."""
        state, _, started = _ps(pid, "stat=,lstart=").partition(" ")
        return None if not state or state.startswith("Z") else started.strip()

    def age(pid: int) -> float | None:
        """Return how many seconds ago the process started."""
        days, _, clock = _ps(pid, "etime=").rpartition("-")
        parts = [int(part) for part in clock.split(":") if part]
        seconds = sum(part * 60**power for power, part in enumerate(reversed(parts)))
        return float(int(days or 0) * 86400 + seconds) if parts else None

    def session_members(session: int) -> list[int]:
        """Return the living processes of the process group that leads a session."""
        members = [line.split() for line in _ps(None, "pid=,pgid=,stat=").splitlines()]
        return [int(pid) for pid, group, state in members if int(group) == session and "Z" not in state]

    def open_pidfd(pid: int) -> int:
        """Return -1: nothing here tells of the end of a process that is not our child."""
        os.kill(pid, 0)
        return -1

    def _ps(pid: int | None, columns: str) -> str:
        import subprocess

        which = ["-A"] if pid is None else ["-p", str(pid)]
        done = subprocess.run(["ps", "-o", columns, *which], capture_output=True, text=True, check=False)
        return done.stdout.strip()


def end_session(leader: int, mark: str) -> None:
    """SIGKILL all that is left of the session that process `leader` led, unless its pid is another's now."""
    if birth(leader) not in (None, mark):
        return
    for _ in range(100):
        members = session_members(leader)
        if not members:
            return
        for pid in members:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.01)
