"""Logs read in tails: what came since, and the line that tells why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.targets.azure.logs import appended, root_cause

LINES = st.lists(st.sampled_from(["a", "b", "c"]), max_size=8)
TRACEBACK = """starting
Traceback (most recent call last):
  File "score.py", line 3, in init
    model = load(path)
  File "load.py", line 9, in load
    raise ValueError("first")
ValueError: first

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "score.py", line 5, in init
    raise RuntimeError("no model")
RuntimeError: no model at /var/model
worker exits with error 1""".splitlines()


@given(st.lists(st.integers(), unique=True, max_size=12), st.integers(0, 12), st.integers(1, 12), st.integers(1, 12))
def test_each_line_is_shown_once(log: list[int], cut: int, first: int, second: int) -> None:
    """A log grows by less than a tail between two looks: nothing is told twice, nothing left out."""
    whole = [str(number) for number in log]
    before, now = whole[:cut][-first:], whole[-second:]
    if before and len(whole) - cut >= second:
        return  # lines were lost between the looks: nobody can tell them
    assert list(appended(before, now)) == (whole[cut:] if before else now)


@given(LINES, LINES)
def test_what_came_is_the_end_of_what_is_there(before: list[str], now: list[str]) -> None:
    came = appended(before, now)
    assert list(came) == now[len(now) - len(came) :]


def test_a_log_begun_anew_is_shown_whole() -> None:
    assert appended(["old 1", "old 2"], ["new 1"]) == ("new 1",)
    assert appended(["a", "b"], ["a", "b"]) == ()
    assert appended(["a", "b"], []) == ()


def test_the_last_traceback_tells() -> None:
    cause = root_cause("inference-server", TRACEBACK)
    assert cause is not None
    assert cause.line == "RuntimeError: no model at /var/model"
    assert cause.lines[-1] == cause.line
    assert len(cause.lines) == 10


def test_a_traceback_within_a_loggers_lines_is_read_too() -> None:
    indented = [f"2026-01-01 E [7] {line}" for line in TRACEBACK]
    cause = root_cause("inference-server", indented)
    assert cause is not None
    assert cause.line.endswith("RuntimeError: no model at /var/model")


@pytest.mark.parametrize(
    "line",
    [
        "exec /bin/sh: exec format error",
        "AuthorizationPermissionMismatch: access denied",
        "OOMKilled",
        "OSError: [Errno 28] No space left on device",
        "gunicorn.errors.HaltServer: <HaltServer 'Worker failed to boot.' 3> error",
    ],
)
def test_without_a_traceback_the_last_telling_line_tells(line: str) -> None:
    cause = root_cause("storage-initializer", ["error: an earlier one", "downloading", line, "stopping"])
    assert cause is not None
    assert cause.line == line


def test_logs_without_trouble_tell_nothing() -> None:
    assert root_cause("inference-server", ["started", "ready", "GET /health 200"]) is None
    assert root_cause("inference-server", []) is None
