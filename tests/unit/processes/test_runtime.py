"""Where the sockets go."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import SupervisorFailed
from sluice.targets.local.processes.runtime import LONGEST_SOCKET_NAME, LONGEST_SOCKET_PATH, Runtime, socket_folder

LONG = Path("/" + "long/" * 30)


def test_a_short_root_holds_its_sockets() -> None:
    assert socket_folder(Path("/srv/app"), (Path("/tmp"),), 1000) == Path("/srv/app/sock")


def test_a_long_root_has_them_in_the_temporary_folder_one_for_each_root() -> None:
    one, other = (socket_folder(root, (Path("/tmp"),), 1000) for root in (LONG, LONG / "other"))
    assert one.parent == other.parent == Path("/tmp/sluice-1000")
    assert one != other


def test_a_long_temporary_folder_is_passed_over() -> None:
    assert socket_folder(LONG, (LONG, Path("/tmp")), 0).parent == Path("/tmp/sluice-0")


def test_no_short_folder_at_all_is_said() -> None:
    with pytest.raises(SupervisorFailed, match="short enough"):
        socket_folder(LONG, (LONG,), 0)


@given(st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=200))
def test_every_socket_path_fits(name: str) -> None:
    folder = socket_folder(Path("/") / name.strip("/"), (Path("/tmp"),), 4_000_000_000)
    assert len(bytes(folder / ("x" * LONGEST_SOCKET_NAME))) <= LONGEST_SOCKET_PATH


def test_the_choice_is_kept_when_the_temporary_folder_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / ("r" * 100)
    root.mkdir()
    first = Runtime(root).sockets()
    with tempfile.TemporaryDirectory(dir="/tmp") as other:
        monkeypatch.setattr("tempfile.tempdir", other)
        assert Runtime(root).sockets() == first
    assert first.stat().st_mode & 0o777 == 0o700
    first.rmdir()


def test_a_copied_root_does_not_take_the_sockets_of_the_other(tmp_path: Path) -> None:
    one, other = tmp_path / ("a" * 100), tmp_path / ("b" * 100)
    one.mkdir()
    other.mkdir()
    first = Runtime(one).sockets()
    Runtime(other).socket_record.write_text(Runtime(one).socket_record.read_text())
    second = Runtime(other).sockets()
    assert first != second
    first.rmdir()
    second.rmdir()


def test_a_socket_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    root = tmp_path / ("c" * 100)
    root.mkdir()
    folder = Runtime(root).sockets()
    folder.rmdir()
    folder.symlink_to(tmp_path)
    try:
        with pytest.raises(SupervisorFailed, match="not a folder of this user's"):
            Runtime(root).sockets()
    finally:
        folder.unlink()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_socket_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    root = tmp_path / ("d" * 100)
    root.mkdir()
    folder = Runtime(root).sockets()
    os.chown(folder, 12345, 12345)
    try:
        with pytest.raises(SupervisorFailed, match="not a folder of this user's"):
            Runtime(root).sockets()
    finally:
        folder.rmdir()
