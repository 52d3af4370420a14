"""`.sluice/` of a project: what is made in it, and what the engine is told."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from sluice.cache import cache_folder
from sluice.engine.home import ALWAYS, PLUGIN, ProjectHome
from sluice.engine.parts import Engine
from sluice.errors import StorageFailed, UsageError
from sluice.images.services import ImageFolder

ENGINE = Engine(Path("/an engine/bin/pulumi"), Path("/an engine/bin"), "3.259.0", "PATH", None)
OWN_BIN = str(Path(sys.executable).parent)


@pytest.fixture
def home(tmp_path: Path) -> ProjectHome:
    return ProjectHome(tmp_path)


def link(home: ProjectHome) -> Path:
    return home.folder / "bin" / PLUGIN


def test_what_is_made_is_for_its_owner_alone_and_ignored(home: ProjectHome) -> None:
    home.prepare()
    assert stat.S_IMODE(home.passphrase.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.folder.stat().st_mode) == stat.S_IMODE(home.state.stat().st_mode) == 0o700
    assert (home.folder / ".gitignore").read_text() == "*\n"
    assert len(home.passphrase.read_text().strip()) >= 32
    assert link(home).resolve() == (Path(sys.executable).parent / PLUGIN).resolve()
    assert {path.name for path in home.folder.iterdir()} == {".gitignore", "bin", "passphrase", "state"}


def test_the_passphrase_is_made_once(home: ProjectHome, tmp_path: Path) -> None:
    home.prepare()
    first = home.passphrase.read_text()
    home.prepare()
    other = ProjectHome(tmp_path / "other")
    other.root.mkdir()
    other.prepare()
    assert home.passphrase.read_text() == first != other.passphrase.read_text()


@pytest.mark.parametrize("former", ["an older one", "nowhere", "a file"])
def test_the_plugins_link_is_replaced_when_sluice_is_elsewhere_now(home: ProjectHome, former: str) -> None:
    link(home).parent.mkdir(parents=True)
    if former == "a file":
        link(home).write_text("#!/bin/sh\n")
    else:
        link(home).symlink_to(home.root / former)
    home.prepare()
    assert link(home).readlink() == Path(OWN_BIN) / PLUGIN
    assert [path.name for path in link(home).parent.iterdir()] == [PLUGIN]


def test_a_project_that_can_not_be_written(home: ProjectHome) -> None:
    home.folder.write_text("a file where the folder should be")
    with pytest.raises(StorageFailed, match=r"\.sluice: can't be written"):
        home.prepare()


def test_the_engine_is_told_what_pulumi_yaml_has_no_place_for(home: ProjectHome) -> None:
    told = home.variables(ENGINE, {"PATH": "/usr/bin", "HOME": "/root", "BUILDX_CONFIG": "/theirs"})
    assert told == {
        **ALWAYS,
        "BUILDX_CONFIG": str(ImageFolder.of(cache_folder()).buildx),
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(home.passphrase),
        "PATH": os.pathsep.join([OWN_BIN, "/an engine/bin", "/usr/bin"]),
    }
    assert "PATH" in home.variables(ENGINE, {})


@pytest.mark.parametrize("name", ALWAYS)
def test_a_users_own_settings_stay(home: ProjectHome, name: str) -> None:
    assert name not in home.variables(ENGINE, {name: "theirs"})
    assert name in home.variables(ENGINE, {})


@pytest.mark.parametrize("name", ["PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"])
@pytest.mark.parametrize("value", ["theirs", ""])
def test_a_users_own_passphrase_stays(home: ProjectHome, name: str, value: str) -> None:
    told = home.variables(ENGINE, {name: value})
    assert not {"PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"} & told.keys()


def test_a_home_goes_when_no_stack_is_in_it(home: ProjectHome) -> None:
    home.prepare()
    stack = home.state / ".pulumi" / "stacks" / "library" / "prod.json"
    stack.parent.mkdir(parents=True)
    stack.write_text("{}")
    home.remove_if_empty()
    assert home.passphrase.exists()
    stack.unlink()
    home.remove_if_empty()
    assert not home.folder.exists()


@pytest.mark.parametrize("sign", "%#?")
def test_a_path_that_pulumi_would_read_as_another_is_refused(tmp_path: Path, sign: str) -> None:
    root = tmp_path / f"p{sign}20c"
    root.mkdir()
    with pytest.raises(UsageError, match="can't keep its state"):
        ProjectHome(root).prepare()
    assert not (root / ".sluice").exists()
