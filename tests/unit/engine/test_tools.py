"""Tools: found on PATH or in the cache, else installed whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from sluice.engine.parts import EngineSource, Progress
from sluice.engine.tools import Tool, ToolSupply, last_version, tool_home
from sluice.errors import EngineMissing

TOOL = Tool("BuildKit", "buildkitd", ("buildkitd",), "0.31.1", "0.17.0", "Put it on PATH.")


@dataclass
class Builder:
    """An installer that writes the version it was told, or is closed."""

    version: str = "0.31.1"
    closed: bool = False
    source: EngineSource = "built from Go modules"
    calls: int = 0

    def install(self, staged: Path, progress: Progress) -> None:
        self.calls += 1
        if self.closed:
            raise EngineMissing("there is no Go on PATH to build it with")
        put(staged / "bin" / "buildkitd", self.version)
        put(staged / "bin" / "buildctl", self.version)


def put(file: Path, version: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(version)
    file.chmod(0o755)


Make = Callable[[Builder], ToolSupply]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def supply(builder: Builder) -> ToolSupply:
        home = tool_home(tmp_path / "cache", "buildkit", TOOL.version)
        return ToolSupply(TOOL, home, str(tmp_path / "path"), builder, lambda file: file.read_text())

    return supply


def quiet(_line: str) -> None:
    pass


def test_it_is_installed_once_with_what_belongs_beside_it(make: Make) -> None:
    builder = Builder()
    assert make(builder).find() is None
    command = make(builder).ensure(quiet)
    assert make(builder).ensure(quiet) == command == make(builder).find()
    assert command.with_name("buildctl").exists()
    assert builder.calls == 1


def test_one_on_path_comes_first_unless_it_is_too_old(make: Make, tmp_path: Path) -> None:
    put(tmp_path / "path" / "buildkitd", "0.16.9")
    assert make(Builder()).find() is None
    put(tmp_path / "path" / "buildkitd", "0.17.0")
    assert make(Builder()).find() == tmp_path / "path" / "buildkitd"


def test_another_version_than_the_pinned_one_is_refused_and_nothing_is_left(make: Make) -> None:
    with pytest.raises(EngineMissing, match="is not BuildKit"):
        make(Builder(version="0.30.0")).ensure(quiet)
    assert make(Builder()).find() is None


def test_where_it_can_not_be_built_the_remedy_is_told(make: Make) -> None:
    with pytest.raises(EngineMissing, match="BuildKit is not on this machine: there is no Go") as caught:
        make(Builder(closed=True)).ensure(quiet)
    assert caught.value.remedy == TOOL.remedy


def test_a_damaged_one_is_installed_again(make: Make) -> None:
    command = make(Builder()).ensure(quiet)
    command.write_text("cut off")
    assert make(Builder()).find() is None
    assert make(Builder()).ensure(quiet).read_text() == "0.31.1"


def test_it_says_what_it_does(make: Make) -> None:
    said: list[str] = []
    make(Builder()).ensure(said.append)
    assert "is not on this machine" in said[0]
    assert "is installed (built from Go modules)" in said[-1]


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("buildkitd github.com/moby/buildkit v0.31.1 ", "0.31.1"),
        ("buildkitd github.com/moby/buildkit v0.31.1 3637d1b15a13fc3cdd0c16fcf3be0845ae68f53d", "0.31.1"),
        ("docker-registry github.com/docker/distribution 2.8.2+ds1", "2.8.2+ds1"),
        ("registry github.com/distribution/distribution/v3 v3.1.2", "3.1.2"),
        ("command not found", None),
        (None, None),
    ],
)
def test_versions_are_read_from_what_they_say(said: str | None, version: str | None) -> None:
    assert last_version(said) == version


def test_a_tool_of_another_name_is_another_home(tmp_path: Path) -> None:
    assert replace(TOOL, version="0.32.0") != TOOL
    assert tool_home(tmp_path, "buildkit", "0.31.1") != tool_home(tmp_path, "registry", "0.31.1")
