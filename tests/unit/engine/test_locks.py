"""Locks of Pulumi's folder backend: which were left by the dead, and which are held."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sluice.engine.locks import clear_stale, locks_of
from sluice.errors import Busy

Leave = Callable[..., Path]


@pytest.fixture
def leave(tmp_path: Path) -> Leave:
    """Leave a lock as Pulumi writes it: of a living process here, taken now, unless told otherwise."""

    def one(name: str = "a", stack: str = "dev", **fields: Any) -> Path:
        file = tmp_path / ".pulumi" / "locks" / "organization" / "library" / stack / f"{name}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        taken = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f123Z")
        known = {"pid": os.getpid(), "username": "ann", "hostname": socket.gethostname(), "timestamp": taken}
        file.write_text(json.dumps(known | fields))
        return file

    return one


@pytest.fixture
def zombie() -> Iterator[int]:
    """A process that has ended and that nobody has asked about."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        yield process.pid


@pytest.fixture
def dead() -> int:
    """The pid of a process that is gone."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def held(state: Path) -> str:
    with pytest.raises(Busy) as caught:
        clear_stale(state, "dev")
    return caught.value.message


def test_a_lock_of_a_living_process_is_held(tmp_path: Path, leave: Leave) -> None:
    file = leave()
    assert held(tmp_path) == f"stack dev is being updated by ann@{socket.gethostname()}, process {os.getpid()}"
    assert file.exists()


def test_a_dead_process_holds_nothing(tmp_path: Path, leave: Leave, dead: int) -> None:
    file = leave(pid=dead)
    assert clear_stale(tmp_path, "dev") == 1
    assert not file.exists()
    assert clear_stale(tmp_path, "dev") == 0


def test_a_zombie_holds_nothing(tmp_path: Path, leave: Leave, zombie: int) -> None:
    leave(pid=zombie)
    assert clear_stale(tmp_path, "dev") == 1


def test_a_process_that_has_the_pid_of_a_dead_one_holds_nothing(tmp_path: Path, leave: Leave) -> None:
    before_any = datetime.now(UTC) - timedelta(days=3650)
    leave(timestamp=before_any.isoformat())
    assert clear_stale(tmp_path, "dev") == 1


@pytest.mark.parametrize("zone", ["Z", "+02:00", "-11:30"])
def test_times_have_a_zone(tmp_path: Path, leave: Leave, zone: str) -> None:
    leave(timestamp=f"2026-05-01T12:00:00.123456789{zone}")
    [lock] = locks_of(tmp_path, "dev")
    hours = {"Z": 0, "+02:00": -2, "-11:30": 11.5}[zone]
    noon = datetime(2026, 5, 1, 12, tzinfo=UTC) + timedelta(hours=hours)
    assert int(lock.taken) == int(noon.timestamp())


def test_a_lock_of_another_host_is_never_stale(tmp_path: Path, leave: Leave, dead: int) -> None:
    file = leave(pid=dead, hostname="another-host")
    assert "ann@another-host" in held(tmp_path)
    assert file.exists()


def test_one_stale_and_one_held_is_held(tmp_path: Path, leave: Leave, dead: int) -> None:
    leave("b")
    leave("a", pid=dead)
    held(tmp_path)
    assert [lock.pid for lock in locks_of(tmp_path, "dev")] == [os.getpid()]


def test_other_stacks_locks_stay(tmp_path: Path, leave: Leave, dead: int) -> None:
    other = leave(stack="prod", pid=dead)
    assert clear_stale(tmp_path, "dev") == 0
    assert other.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"pid": 1}', '{"pid": "x", "timestamp": "now"}'])
def test_what_is_no_lock_is_left_to_pulumi(tmp_path: Path, leave: Leave, text: str) -> None:
    file = leave()
    file.write_text(text)
    assert clear_stale(tmp_path, "dev") == 0
    assert file.exists()


def test_no_locks_at_all(tmp_path: Path) -> None:
    assert clear_stale(tmp_path / "nowhere", "dev") == 0
