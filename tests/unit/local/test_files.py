"""Files that are whole or not there, and locks that end with their holders."""

from __future__ import annotations

import errno
import stat
import threading
from pathlib import Path

import pytest

from sluice.errors import Busy, StorageFailed
from sluice.targets.local.files import locked, read_json, remove_tree, storage_errors, write_json


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "qa.lock"


def test_an_error_lets_go(lock: Path) -> None:
    with pytest.raises(KeyError), locked(lock):
        raise KeyError
    with locked(lock, timeout_s=0):
        pass


def test_threads_of_one_process_exclude_each_other(lock: Path) -> None:
    inside: list[int] = []
    most: list[int] = []

    def work(number: int) -> None:
        with locked(lock):
            inside.append(number)
            most.append(len(inside))
            inside.remove(number)

    threads = [threading.Thread(target=work, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert most == [1] * 8


def test_who_waited_for_a_lock_that_was_removed_takes_the_new_one(lock: Path) -> None:
    """Removing an endpoint removes its lock: a waiter on the removed file would else hold it beside the next."""
    waits, entered, go_on = threading.Event(), threading.Event(), threading.Event()

    def waiter() -> None:
        waits.set()
        with locked(lock):
            entered.set()
            go_on.wait(30)

    thread = threading.Thread(target=waiter)
    with locked(lock):
        thread.start()
        assert waits.wait(30)
        lock.unlink()
    assert entered.wait(30)
    with pytest.raises(Busy), locked(lock, timeout_s=0):
        pytest.fail("two hold the lock")
    go_on.set()
    thread.join(30)


def test_a_value_comes_back_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "value.json"
    assert read_json(path) is None
    values: tuple[object, ...] = ({"a": [1, None, "ü"]}, [])
    for value in values:
        write_json(path, value)
        assert read_json(path) == value
    assert [entry.name for entry in path.parent.iterdir()] == ["value.json"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_can_not_be_written_leaves_the_old_value(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert read_json(path) == {"a": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["value.json"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_named(tmp_path: Path, number: int) -> None:
    with pytest.raises(StorageFailed, match="no space left on the disk"), storage_errors(tmp_path):
        raise OSError(number, "")


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR])
def test_a_folder_that_is_closed_is_named(tmp_path: Path, number: int) -> None:
    with pytest.raises(StorageFailed, match="can't be written") as caught, storage_errors(tmp_path):
        raise OSError(number, "")
    assert "SLUICE_CACHE" in caught.value.remedy


def test_other_errors_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(KeyError), storage_errors(tmp_path):
        raise KeyError


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed, match="can't be read"):
        read_json(tmp_path / "file" / "value.json")
    remove_tree(tmp_path / "nowhere")
