"""Processes by identity: a pid and what marks its birth, so that a pid given to another process fools nobody."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sluice.targets.local.files import write_private
from sluice.targets.local.processes.keeper.pids import age, birth, end_session
from sluice.targets.local.processes.keeper.waiting import Watched


@dataclass(frozen=True)
class ProcessIdentity:
    """One process of this machine. `started` is opaque: no other process has it together with this pid."""

    pid: int
    started: str


def identity_of(pid: int) -> ProcessIdentity | None:
    """Return the identity of the process that has this pid now; None when none lives (a zombie does not)."""
    started = birth(pid)
    return None if started is None else ProcessIdentity(pid, started)


def alive(identity: ProcessIdentity) -> bool:
    """Tell whether exactly this process still runs; a zombie does not, nor does another with its pid."""
    return birth(identity.pid) == identity.started


def start_time(pid: int) -> float | None:
    """Return when the process with this pid started, in seconds since the epoch, to about a second; None if gone.

    To be compared with the time of a file (a stale lock is older than the process its pid now names).
    """
    seconds = age(pid)
    return None if seconds is None else time.time() - seconds


def terminate(identity: ProcessIdentity, grace_s: float, *, session: bool = False) -> None:
    """Stop exactly this process: SIGTERM, SIGKILL after `grace_s`; return once it is gone, or was already.

    With `session`, also kill what is left of the session it led.
    """
    try:
        watched = Watched(identity.pid, identity.started)
    except ProcessLookupError:
        pass
    else:
        watched.stop(grace_s)
        watched.close()
    if session:
        end_session(identity.pid, identity.started)


def send(identity: ProcessIdentity, signum: int) -> None:
    """Signal exactly this process, if it still lives."""
    with suppress(ProcessLookupError):
        watched = Watched(identity.pid, identity.started)
        watched.send(signum)
        watched.close()


def read_identity(path: Path) -> ProcessIdentity | None:
    """Return the identity recorded in a JSON file as {pid, birth, ...}; None when there is none to be read."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        return ProcessIdentity(int(raw["pid"]), str(raw["birth"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_identity(path: Path, identity: ProcessIdentity) -> None:
    """Record an identity, at once and whole, for `read_identity`."""
    write_private(path, json.dumps({"pid": identity.pid, "birth": identity.started}))
