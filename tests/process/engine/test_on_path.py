"""The user's own `pulumi`: asked once, trusted while its file stays the same."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sluice.engine.on_path import EngineOnPath

pytestmark = pytest.mark.process

Command = Callable[[str, str], Path]


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """Write an executable that notes each of its runs and prints one line."""

    def write(name: str, says: str) -> Path:
        file = tmp_path / "bin" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/sh\necho run >> {tmp_path}/runs\n{says}\n")
        file.chmod(0o755)
        return file

    return write


def on_path(tmp_path: Path) -> EngineOnPath:
    environ = {"PATH": f"{tmp_path}/bin{os.pathsep}/usr/bin{os.pathsep}/bin"}
    return EngineOnPath(environ, tmp_path / "cache" / "memo.json", "3.200.0")


def runs(tmp_path: Path) -> int:
    file = tmp_path / "runs"
    return len(file.read_text().splitlines()) if file.exists() else 0


def test_it_is_found_with_its_language_host_and_asked_once(tmp_path: Path, command: Command) -> None:
    pulumi, host = command("pulumi", "echo v3.300.1"), command("pulumi-language-python", "exit 1")
    engine = on_path(tmp_path).find()
    assert engine is not None
    assert (engine.command, engine.bin, engine.version, engine.source) == (pulumi, pulumi.parent, "3.300.1", "PATH")
    assert engine.language_host == host
    assert on_path(tmp_path).find() == engine
    assert runs(tmp_path) == 1


def test_another_file_is_asked_again(tmp_path: Path, command: Command) -> None:
    pulumi = command("pulumi", "echo v3.300.1")
    assert on_path(tmp_path).find() is not None
    command("pulumi", "echo v3.301.0")
    os.utime(pulumi, ns=(1, 1))
    engine = on_path(tmp_path).find()
    assert engine is not None
    assert engine.version == "3.301.0"


@pytest.mark.parametrize("says", ["echo v3.199.9", "echo v4.0.0", "exit 1", "echo none", ""])
def test_what_is_too_old_of_another_major_or_broken_is_passed_over(tmp_path: Path, command: Command, says: str) -> None:
    command("pulumi", says)
    assert on_path(tmp_path).find() is None


def test_a_link_has_the_language_host_of_its_target(tmp_path: Path, command: Command) -> None:
    host = command("pulumi-language-python", "exit 1")
    link = tmp_path / "links" / "pulumi"
    link.parent.mkdir()
    link.symlink_to(command("pulumi", "echo v3.300.1"))
    engine = EngineOnPath({"PATH": str(link.parent)}, tmp_path / "memo.json", "3.200.0").find()
    assert engine is not None
    assert (engine.command, engine.language_host) == (link, host)


def test_a_memo_that_can_not_be_written_costs_only_time(tmp_path: Path, command: Command) -> None:
    command("pulumi", "echo v3.300.1")
    (tmp_path / "cache").write_text("in the way")
    assert on_path(tmp_path).find() == on_path(tmp_path).find() is not None
    assert runs(tmp_path) == 2


def test_no_pulumi_no_engine(tmp_path: Path) -> None:
    assert EngineOnPath({"PATH": str(tmp_path)}, tmp_path / "memo.json", "3.200.0").find() is None
    assert EngineOnPath({}, tmp_path / "memo.json", "3.200.0").find() is None
