"""Locks between processes: held by one, free once it has let go or was killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sluice.errors import Busy
from sluice.targets.local.files import locked

pytestmark = pytest.mark.process

# Takes the lock, says so, and holds it until its stdin ends.
HOLDER = """
import sys
from pathlib import Path
from sluice.targets.local.files import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""
Hold = Callable[[], "subprocess.Popen[str]"]


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "qa.lock"


@pytest.fixture
def hold(lock: Path) -> Iterator[Hold]:
    """Start a process that holds the lock."""
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        argv = [sys.executable, "-c", HOLDER, str(lock)]
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_what_another_process_holds_is_busy_until_it_lets_go(lock: Path, hold: Hold) -> None:
    holder = hold()
    with pytest.raises(Busy, match="endpoint qa: another process holds"), locked(lock, timeout_s=0, what="endpoint qa"):
        pytest.fail("two hold the lock")
    holder.communicate()
    with locked(lock, timeout_s=0):
        pass


def test_a_killed_holder_holds_nothing(lock: Path, hold: Hold) -> None:
    holder = hold()
    holder.send_signal(signal.SIGKILL)
    holder.wait(30)
    with locked(lock, timeout_s=0):
        pass
