"""The engine as a child: what it says, how it fails, and that it is interrupted exactly once."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from projects import wait_until
from pulumi.automation.errors import CommandError

from sluice.engine.command import OwnSessionCommand

pytestmark = pytest.mark.process

# Tells its session and its arguments, and fails when told so.
TALKER = """#!/bin/sh
echo "$@"; echo "session $(ps -o sid= -p $$ | tr -d ' ') of $$"; echo "$PULUMI_AUTOMATION_API $EXTRA" >&2
[ "$1 $2" = "--non-interactive fail" ] && exit 3
exit 0
"""
# Counts the interrupts it gets, and ends when it is let go.
COUNTER = """#!/usr/bin/env python3
import signal, sys, time
from pathlib import Path
folder = Path(sys.argv[2])
got = []
signal.signal(signal.SIGINT, lambda *_: got.append(1) or (folder / "interrupted").write_text(str(len(got))))
(folder / "ready").touch()
while not (folder / "go-on").exists():
    time.sleep(0.01)
print(len(got))
"""

Make = Callable[[str], OwnSessionCommand]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make a command of a script."""

    def one(script: str) -> OwnSessionCommand:
        file = tmp_path / "engine"
        file.write_text(script)
        file.chmod(0o755)
        return OwnSessionCommand(str(file), "3.259.0")

    return one


def test_it_runs_in_a_session_of_its_own_and_all_it_says_is_heard(make: Make, tmp_path: Path) -> None:
    out: list[str] = []
    err: list[str] = []
    result = make(TALKER).run(["up", "--yes"], str(tmp_path), {"EXTRA": "told"}, out.append, err.append)
    assert result.code == 0
    assert result.stdout.split("\n") == out
    assert result.stderr.split("\n") == err == ["true told"]
    said, session = out
    assert said == "--non-interactive up --yes"
    leader, of = session.removeprefix("session ").split(" of ")
    assert leader == of != str(os.getsid(0))


def test_a_failure_is_told_with_its_words(make: Make, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="fail"):
        make(TALKER).run(["fail"], str(tmp_path), {})


def test_it_is_interrupted_exactly_once(make: Make, tmp_path: Path) -> None:
    command = make(COUNTER)
    command.interrupt()  # nothing runs yet: nothing to interrupt
    before = command.interrupted
    said: list[str] = []
    worker = threading.Thread(target=lambda: command.run([str(tmp_path)], str(tmp_path), {}, said.append))
    worker.start()
    wait_until((tmp_path / "ready").exists)
    command.interrupt()
    wait_until((tmp_path / "interrupted").exists)
    command.interrupt()
    command.interrupt()
    assert (before, command.interrupted) == (False, True)
    (tmp_path / "go-on").touch()
    worker.join(30)
    command.interrupt()  # it has ended: nothing to interrupt
    assert said == ["1"]
