"""Where the engine comes from, in which order, and what is left when it does not come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sluice.engine.install import EngineSupply, Installer
from sluice.engine.parts import Engine, EngineSource, Progress
from sluice.errors import EngineMissing, StorageFailed

VERSION = "3.259.0"
OWN = Engine(Path("/usr/bin/pulumi"), Path("/usr/bin"), "3.300.1", "PATH", None)


@dataclass
class Place:
    """A finder that knows its answer."""

    engine: Engine | None = None

    def find(self) -> Engine | None:
        return self.engine


@dataclass
class Bringer:
    """An installer that writes two files, or raises after the first."""

    source: EngineSource
    version: str = VERSION
    failure: BaseException | None = None
    calls: list[Path] = field(default_factory=list)

    def install(self, staged: Path, progress: Progress) -> None:
        self.calls.append(staged)
        (staged / "bin").mkdir()
        (staged / "bin" / "pulumi").write_text(self.version)
        (staged / "bin" / "pulumi").chmod(0o755)
        if self.failure:
            raise self.failure
        progress("one step")


def read_version(command: Path) -> str | None:
    return command.read_text() if command.exists() else None


@pytest.fixture
def supply(tmp_path: Path) -> Callable[..., EngineSupply]:
    def make(*installers: Installer, own: Engine | None = None) -> EngineSupply:
        return EngineSupply(tmp_path / "cache", VERSION, "3.200.0", Place(own), installers, read_version)

    return make


Supply = Callable[..., EngineSupply]


def quiet(_line: str) -> None:
    pass


def refused(why: str) -> EngineMissing:
    return EngineMissing(why)


def test_the_users_own_engine_comes_first(supply: Supply) -> None:
    official = Bringer("official release")
    assert supply(official).ensure(quiet).source == "official release"
    assert supply(own=OWN).find() == OWN
    assert supply(official, own=OWN).ensure(quiet) == OWN
    assert len(official.calls) == 1


def test_finding_installs_nothing_and_makes_no_folder(supply: Supply, tmp_path: Path) -> None:
    assert supply(Bringer("official release")).find() is None
    assert not (tmp_path / "cache").exists()


def test_an_installed_engine_is_not_installed_again(supply: Supply) -> None:
    official = Bringer("official release")
    first = supply(official).ensure(quiet)
    assert supply(official).ensure(quiet) == first == supply().find()
    assert len(official.calls) == 1


def test_the_next_way_is_tried_when_one_is_closed(supply: Supply) -> None:
    said: list[str] = []
    official = Bringer("official release", failure=refused("not reached"))
    engine = supply(official, Bringer("built from Go modules")).ensure(said.append)
    assert engine.source == "built from Go modules"
    assert "official release: not reached" in said
    assert "one step" in said


def test_when_every_way_is_closed_each_is_named(supply: Supply) -> None:
    official = Bringer("official release", failure=refused("not reached"))
    built = Bringer("built from Go modules", failure=EngineMissing("go list failed", details="dial tcp: refused"))
    with pytest.raises(EngineMissing) as caught:
        supply(official, built).ensure(quiet)
    assert "official release: not reached" in caught.value.details
    assert "dial tcp: refused" in caught.value.details
    assert "3.200.0" in caught.value.remedy


def test_another_version_than_the_pinned_one_is_refused(supply: Supply) -> None:
    with pytest.raises(EngineMissing, match="none could be installed") as caught:
        supply(Bringer("official release", version="3.1.0")).ensure(quiet)
    assert "it says 3.1.0" in caught.value.details
    assert supply().find() is None


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), refused("broke off"), RuntimeError("a fault of ours")])
def test_nothing_half_is_left(supply: Supply, tmp_path: Path, failure: BaseException) -> None:
    with pytest.raises((KeyboardInterrupt, EngineMissing, RuntimeError)):
        supply(Bringer("official release", failure=failure)).ensure(quiet)
    assert [entry.name for entry in (tmp_path / "cache" / "engines").iterdir()] == [f".{VERSION}.lock"]
    assert supply(Bringer("official release")).ensure(quiet).version == VERSION


def test_a_damaged_engine_is_replaced(supply: Supply) -> None:
    engine = supply(Bringer("official release")).ensure(quiet)
    engine.command.write_text("cut off")
    assert supply().find() is None
    assert supply(Bringer("built from Go modules")).ensure(quiet).source == "built from Go modules"


def test_a_cache_that_can_not_be_written_is_said_so(supply: Supply, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(StorageFailed, match="a file is in the way"):
        supply(Bringer("official release")).ensure(quiet)
