"""Environments by the hash of their lock: found again, and what is said when they can't be had."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import EnvironmentFailed, StorageFailed
from sluice.targets.local import environments
from sluice.targets.local.environments import (
    PythonEnvironment,
    Talk,
    ensure_environment,
    environment_key,
    environment_of,
)

# The interpreter behind this virtual environment, so that all of them share what is built.
PYTHON = os.path.realpath(sys.executable)
RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLUICE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@given(st.text(), st.text(), st.text(), st.text())
def test_equal_locks_on_the_same_interpreter_share_a_key(lock: str, python: str, lock2: str, python2: str) -> None:
    same = (lock, python) == (lock2, python2)
    assert (environment_key(lock, python) == environment_key(lock2, python2)) == same


def built(key: str) -> PythonEnvironment:
    """Return an environment that was built to its end."""
    environment = environment_of(key)
    python = environment.folder / "one-build" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("")
    (environment.folder / "ready").write_text("one-build\n")
    return environment


def test_an_environment_is_there_when_it_was_built_to_its_end(cache: Path) -> None:
    environment = built("abc")
    assert environment.folder == cache / "environments" / "abc"
    assert environment.python == environment.folder / "one-build" / "bin" / "python"
    assert environment.ready
    (environment.folder / "ready").unlink()
    assert not environment_of("abc").ready
    with pytest.raises(EnvironmentFailed, match="abc is not in the cache"):
        str(environment.python)


def test_what_is_locked_and_built_is_not_built_again(cache: Path) -> None:
    request = environments._digest("one==1\ntwo\n", PYTHON, platform.system(), platform.machine())
    locks = cache / "locks"
    locks.mkdir(parents=True)
    (locks / f"{request}.txt").write_text("one==1 \\\n  --hash=sha256:0\ntwo==2\n")
    there = built(environment_key((locks / f"{request}.txt").read_text(), PYTHON))
    said: list[str] = []
    assert ensure_environment(["one==1", "two"], RUNNING, Talk(said.append, lambda: False)) == (there, 2)
    assert said == []


@pytest.mark.parametrize("version", [None, RUNNING, platform.python_version()])
def test_the_interpreter_that_runs_is_taken(version: str | None) -> None:
    assert environments._interpreter(version) == PYTHON


def test_an_interpreter_that_is_not_there() -> None:
    with pytest.raises(EnvironmentFailed, match=r"Python 3\.2 is not on this machine") as caught:
        environments._interpreter("3.2")
    assert "Install Python 3.2" in caught.value.remedy


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("error: failed to write: No space left on device (os error 28)", StorageFailed),
        ("Permission denied (os error 13)", StorageFailed),
        ("Because a==1 depends on b>2, your requirements are unsatisfiable.", EnvironmentFailed),
    ],
)
def test_a_full_disk_is_not_taken_for_wrong_requirements(words: str, kind: type[Exception]) -> None:
    failure = environments._failure("requirements do not resolve", f"\n{words}\n")
    assert type(failure) is kind
    assert failure.details == words
