"""What is to be kept running, and how it is doing: values, and their form as documents for the launcher."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from sluice.spec.frozen import frozen_map

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class LivenessCheck:
    """A GET that a living program answers with a status from 200 to 399; times in seconds.

    `url` is http://host:port/path; with `unix_socket`, its host and port say nothing. After `failure_threshold`
    bad answers in a row the program is restarted; `success_threshold` good ones in a row clear the count.
    """

    url: str
    unix_socket: Path | None = None
    initial_delay_s: float = 10
    period_s: float = 10
    timeout_s: float = 2
    failure_threshold: int = 30
    success_threshold: int = 1


@dataclass(frozen=True)
class Program:
    """A program to keep running.

    `env` is its whole environment, nothing is inherited. `secret_env` comes on top of it, and shows in no argv,
    no repr and no file but one of mode 600. `grace_s` lies between SIGTERM and SIGKILL. With restart
    "on-failure" an exit with status 0 means that its work is done.
    Raises ValueError for a name that is not 1 to 100 of letters, digits, `.`, `_`, `-`.
    """

    name: str
    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=frozen_map)
    secret_env: Mapping[str, str] = field(default_factory=frozen_map, repr=False)
    liveness: LivenessCheck | None = None
    grace_s: float = 10
    restart: Literal["always", "on-failure"] = "always"

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} can't name a program")
        if not self.argv:
            raise ValueError(f"program {self.name} has no command")


class State(StrEnum):
    """How a program is doing."""

    STARTING = "starting"  # accepted, not yet started for the first time
    RUNNING = "running"
    RESTARTING = "restarting"  # it died, and is about to be started again
    STOPPED = "stopped"  # the supervisor was told to stop it
    COMPLETED = "completed"  # its work is done (restart "on-failure")
    MISSING = "missing"  # it should run, but nothing keeps it: the machine was restarted, or all was killed


@dataclass(frozen=True)
class ProgramState:
    """How a program is doing now: its pid while it runs, and its last start in seconds since the epoch."""

    name: str
    pid: int | None
    started_at: float | None
    state: State
    restarts: int


def document(program: Program, log: Path, secrets: Path) -> str:
    """Return program.json, which tells the launcher all but the secrets themselves."""
    content = {
        "argv": list(program.argv),
        "cwd": str(program.cwd),
        "env": dict(program.env),
        "secret_files": [str(secrets)] if program.secret_env else [],
        "log": str(log),
        "liveness": None if program.liveness is None else _liveness(program.liveness),
        "grace_s": program.grace_s,
        "restart": program.restart,
    }
    return json.dumps(content, indent=2, sort_keys=True)


def secrets_document(program: Program) -> str:
    """Return the secret file that program.json names."""
    return json.dumps(dict(program.secret_env), sort_keys=True)


def _liveness(check: LivenessCheck) -> dict[str, object]:
    url = urlsplit(check.url)
    return {
        "unix_socket": None if check.unix_socket is None else str(check.unix_socket),
        "host": url.hostname,
        "port": url.port or 80,
        "path": (url.path or "/") + (f"?{url.query}" if url.query else ""),
        "initial_delay_s": check.initial_delay_s,
        "period_s": check.period_s,
        "timeout_s": check.timeout_s,
        "failure_threshold": check.failure_threshold,
        "success_threshold": check.success_threshold,
    }


def state_of(name: str, record: Mapping[str, object] | None, *, kept: bool, lives: bool) -> ProgramState:
    """Judge a program by its state.json (None: not there yet), whether anything keeps it, and its child lives."""
    if record is None:
        return ProgramState(name, None, None, State.STARTING if kept else State.MISSING, 0)
    started_at, restarts = float(str(record["started_at"])), int(str(record["restarts"]))
    if lives:
        return ProgramState(name, int(str(record["pid"])), started_at, State.RUNNING, restarts)
    phase = State(str(record["phase"]))
    if phase not in (State.STOPPED, State.COMPLETED):
        phase = State.RESTARTING if kept else State.MISSING
    return ProgramState(name, None, started_at, phase, restarts)
