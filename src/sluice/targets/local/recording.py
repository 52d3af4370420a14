"""Recording of an endpoint's requests on this machine, the local form of `data_collector`: on, off, and what was kept.

While it is on, a small program of its own keeps a share of the requests, at most 100 a second; off, nothing looks at
them.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from sluice.spec.rollout import Record
from sluice.targets.local import gateways
from sluice.targets.local.files import remove_tree
from sluice.targets.local.processes.program import Program
from sluice.targets.local.recordings import Recorded, Recordings
from sluice.targets.local.state import plain
from sluice.targets.local.target import LocalTarget


def set_recording(target: LocalTarget, endpoint: str, record: Record | None) -> None:
    """Record so from now on, or no more; doing it twice changes nothing.

    Other values replace those that were set; what was recorded with them stays, up to the new number. None removes
    what was recorded, too. Raises SupervisorFailed, StorageFailed.
    """
    if record is None:
        stop(target, endpoint)
        return
    target.supervisor.ensure()
    target.supervisor.add(_program(target, endpoint, record))


def stop(target: LocalTarget, endpoint: str) -> None:
    """Record no more, and remove what was recorded; where nothing was, nothing is done."""
    target.supervisor.remove(program_name(endpoint))
    remove_tree(_folder(target, endpoint))


def recorded(target: LocalTarget, endpoint: str, most: int) -> tuple[Recorded, ...]:
    """Return what was recorded, newest first, at most `most` requests."""
    return tuple(Recordings(_folder(target, endpoint)).newest(most))


def program_name(endpoint: str) -> str:
    """Return the name of what records, under the supervisor; no deployment can have it."""
    return f"{endpoint}.recorder"


def _folder(target: LocalTarget, endpoint: str) -> Path:
    return target.paths.endpoint(endpoint) / "recorded"


def _program(target: LocalTarget, endpoint: str, record: Record) -> Program:
    folder, socket = _folder(target, endpoint), gateways.paths(target, endpoint).admin_socket
    words = (str(folder), str(socket), json.dumps(plain(record), sort_keys=True))
    return Program(
        name=program_name(endpoint),
        argv=(sys.executable, "-I", "-m", "sluice.targets.local.recorder", *words),
        cwd=target.paths.endpoint(endpoint),
        env={"PATH": os.defpath, "LANG": "C.UTF-8"},
    )
