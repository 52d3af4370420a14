# ruff: noqa: PTH116, PTH105, PTH110, PTH118, PTH123, PTH202
# pathlib costs more to import than all else that a launcher loads
"""The files of one program's folder, as its launcher reads and writes them."""

from __future__ import annotations

import json
import os
import time

from .liveness import Check

EVENTS_BYTES = 1_000_000
RECORDED = ("pid", "birth", "started_at", "restarts", "phase")


class Program:
    """What program.json says. Secret values stand in files of their own and are read by the child alone."""

    def __init__(self, path: str) -> None:
        with open(path, encoding="utf-8") as file:
            raw = json.load(file)
        self.argv: list[str] = raw["argv"]
        self.cwd: str = raw["cwd"]
        self.env: dict[str, str] = raw["env"]
        self.secret_files: list[str] = raw["secret_files"]
        self.log: str = raw["log"]
        self.grace_s: float = raw["grace_s"]
        self.once: bool = raw["restart"] == "on-failure"
        self.liveness = Check(raw["liveness"]) if raw["liveness"] else None

    def environment(self) -> dict[str, str]:
        """Return the child's whole environment, secrets and all."""
        env = dict(self.env)
        for path in self.secret_files:
            with open(path, encoding="utf-8") as file:
                env.update(json.load(file))
        return env


def open_log(path: str, limit: int) -> int:
    """Open a file for appending, mode 600; what is there becomes PATH.1 when it is longer than `limit` bytes."""
    try:
        if os.path.exists(path) and os.path.getsize(path) > limit:
            os.replace(path, path + ".1")
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:  # a full disk must not stop what runs
        return os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)


class Records:
    """The launcher's files. Writing never raises: a full disk must not stop what runs."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._seen = os.stat(folder)
        self._state = os.path.join(folder, "state.json")
        self._events = os.path.join(folder, "events.jsonl")
        self.pid = 0
        self.birth = ""
        self.started_at = 0.0
        self.restarts = 0
        self.phase = ""
        self.load()

    def evicted(self) -> bool:
        """Tell whether the folder was deleted, or another stands in its place: nobody wants the child any more."""
        try:
            return not os.path.samestat(self._seen, os.stat(self._folder))
        except OSError:
            return True

    def load(self) -> None:
        """Read the record; one that is missing or broken says nothing."""
        try:
            with open(self._state, encoding="utf-8") as file:
                raw = json.load(file)
            for name in RECORDED:
                setattr(self, name, raw[name])
        except (OSError, ValueError, KeyError):
            return

    def save(self, phase: str) -> None:
        """Write the record at once and whole, in phase running, restarting, stopped or completed."""
        self.phase = phase
        if self.evicted():
            return
        try:
            with open(self._state + ".new", "w", encoding="utf-8") as file:
                json.dump({name: getattr(self, name) for name in RECORDED}, file)
            os.replace(self._state + ".new", self._state)
        except OSError:
            return

    def event(self, kind: str, **more: object) -> None:
        """Append one event about the child."""
        if self.evicted():
            return
        line = json.dumps({"time": time.time(), "kind": kind, "pid": self.pid, **more}) + "\n"
        fd = open_log(self._events, EVENTS_BYTES)
        try:
            os.write(fd, line.encode())
        except OSError:
            return
        finally:
            os.close(fd)
