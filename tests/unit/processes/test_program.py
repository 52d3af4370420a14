"""What a program is, and how its state is judged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sluice.targets.local.processes.program import (
    LivenessCheck,
    Program,
    State,
    document,
    secrets_document,
    state_of,
)

PROGRAM = Program("chat", ("serve",), Path("/work"), {"A": "1"}, {"KEY": "hidden"})


def test_secrets_stand_in_their_own_document_alone() -> None:
    told = document(PROGRAM, Path("/log"), Path("/secrets.json"))
    assert "hidden" not in told
    assert json.loads(told)["secret_files"] == ["/secrets.json"]
    assert json.loads(secrets_document(PROGRAM)) == {"KEY": "hidden"}
    assert "hidden" not in repr(PROGRAM)


def test_without_secrets_no_file_is_named() -> None:
    told = json.loads(document(Program("chat", ("serve",), Path("/")), Path("/log"), Path("/secrets.json")))
    assert told["secret_files"] == []
    assert told["liveness"] is None


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("http://127.0.0.1:5001/health", "127.0.0.1", 5001, "/health"),
        ("http://localhost", "localhost", 80, "/"),
        ("http://127.0.0.1:1/a?b=c", "127.0.0.1", 1, "/a?b=c"),
    ],
)
def test_a_liveness_url_is_taken_apart(url: str, host: str, port: int, path: str) -> None:
    program = Program("chat", ("serve",), Path("/"), liveness=LivenessCheck(url))
    liveness = json.loads(document(program, Path("/log"), Path("/s")))["liveness"]
    assert (liveness["host"], liveness["port"], liveness["path"]) == (host, port, path)
    assert liveness["unix_socket"] is None


@pytest.mark.parametrize("name", ["", ".", "../up", "a b", "a/b", "-a", "a:b", "a\n", "x" * 101])
def test_a_name_that_could_leave_its_folder_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="can't name a program"):
        Program(name, ("serve",), Path("/"))


def test_a_program_needs_a_command() -> None:
    with pytest.raises(ValueError, match="no command"):
        Program("chat", (), Path("/"))


@pytest.mark.parametrize(
    ("phase", "kept", "lives", "state"),
    [
        (None, True, False, State.STARTING),
        (None, False, False, State.MISSING),
        ("running", True, True, State.RUNNING),
        ("running", False, True, State.RUNNING),  # an orphan still serves
        ("running", True, False, State.RESTARTING),
        ("running", False, False, State.MISSING),
        ("restarting", True, False, State.RESTARTING),
        ("restarting", False, False, State.MISSING),
        ("stopped", True, False, State.STOPPED),
        ("stopped", False, False, State.STOPPED),
        ("completed", True, False, State.COMPLETED),
        ("completed", False, False, State.COMPLETED),
    ],
)
def test_state(phase: str | None, *, kept: bool, lives: bool, state: State) -> None:
    record = None if phase is None else {"pid": 7, "started_at": 5.0, "restarts": 2, "phase": phase}
    judged = state_of("chat", record, kept=kept, lives=lives)
    assert judged.state is state
    assert judged.pid == (7 if lives else None)
    assert judged.restarts == (0 if record is None else 2)
