"""Pulumi's locks on a stack whose state is a folder here: who holds one, and which were left by the dead.

A lock names host, pid and time. One whose process is gone, is a zombie, or started after the lock was taken
may be removed: that one file. `pulumi cancel` would remove a live one too, so it is never used.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sluice.errors import Busy

JUST_MADE_S = 2.0


@dataclass(frozen=True)
class Lock:
    """A lock file of Pulumi's folder backend."""

    file: Path
    pid: int
    host: str
    user: str
    taken: float

    @property
    def stale(self) -> bool:
        """Tell whether its holder is surely gone: a holder on another host never is."""
        if self.host != socket.gethostname():
            return False
        if _is_engine(self.pid):
            return False  # a step of the clock would make it look younger than its lock
        started = _process_start(self.pid)
        return started is None or started > self.taken + 1


def clear_stale(state: Path, stack: str) -> int:
    """Remove locks of dead processes and return how many. Raises Busy for a lock that is held."""
    removed = _clear_broken(state, stack)
    for lock in locks_of(state, stack):
        if not lock.stale:
            raise Busy(
                f"stack {stack} is being updated by {lock.user}@{lock.host}, process {lock.pid}",
                remedy="Wait for it to end, or stop it with Ctrl-C where it runs.",
            )
        lock.file.unlink(missing_ok=True)
        removed += 1
    return removed


def _clear_broken(state: Path, stack: str) -> int:
    """Remove what a killed engine left empty and then can't read: locks, and the attributes of its state."""
    places = (f"locks/*/*/{stack}/*.json", f"stacks/*/{stack}.json.attrs")
    empty = [file for place in places for file in (state / ".pulumi").glob(place) if _is_left_empty(file)]
    for file in empty:
        file.unlink(missing_ok=True)
    return len(empty)


def _is_left_empty(file: Path) -> bool:
    """Tell whether a file is empty, and was not made this very moment."""
    try:
        status = file.stat()
    except FileNotFoundError:
        return False
    return status.st_size == 0 and time.time() - status.st_mtime > JUST_MADE_S


def locks_of(state: Path, stack: str) -> Iterator[Lock]:
    """Yield the locks of a stack."""
    for file in sorted((state / ".pulumi" / "locks").glob(f"*/*/{stack}/*.json")):
        lock = _read(file)
        if lock is not None:
            yield lock


def _read(file: Path) -> Lock | None:
    try:
        record: dict[str, Any] = json.loads(file.read_text())
        taken = datetime.fromisoformat(record["timestamp"]).timestamp()
        return Lock(file, int(record["pid"]), record["hostname"], record["username"], taken)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _process_start(pid: int) -> float | None:
    """Return when a living process started (seconds since 1970); None when it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = next(
            float(line.split()[1]) for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime")
        )
    except OSError:
        return 0.0 if not Path("/proc/self").exists() and _alive(pid) else None
    return None if fields[0] == "Z" else boot + float(fields[19]) / os.sysconf("SC_CLK_TCK")


def _is_engine(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    name, _, rest = state.partition("(")[2].rpartition(")")
    return name.startswith("pulumi") and not rest.startswith(" Z")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
