"""Files, locks and ports."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from sluice.errors import StorageFailed
from sluice.targets.local.files import TAIL_BYTES, locked, read_text, tail, try_lock, write_private
from sluice.targets.local.processes.ports import free_port, owner_of


def test_a_private_file_is_replaced_whole_with_mode_600(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, "new")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", 0o600)
    assert os.listdir(tmp_path) == ["file"]  # noqa: PTH208 - names are what is compared


def test_a_file_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(StorageFailed, match="file: can't be written"):
        write_private(tmp_path / "file", "text")
    with pytest.raises(StorageFailed, match="can't be written"), locked(Path("/dev/null/lock")):
        pass


def test_tail(tmp_path: Path) -> None:
    path = tmp_path / "log"
    assert tail(path, 3) == []
    path.write_text("".join(f"line {number}\n" for number in range(100_000)))
    assert path.stat().st_size > TAIL_BYTES
    assert tail(path, 2) == ["line 99998", "line 99999"]
    assert tail(path, 0) == []


def test_a_missing_text_is_none(tmp_path: Path) -> None:
    assert read_text(tmp_path / "none") is None


def test_threads_hold_a_lock_one_at_a_time_even_if_each_deletes_it(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "lock"
    inside: list[int] = []
    most: list[int] = []

    def work() -> None:
        for _ in range(50):
            with locked(path):
                inside.append(1)
                most.append(len(inside))
                inside.pop()
                path.unlink()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(most), max(most)) == (200, 1)


def test_a_held_lock_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with locked(path):
        assert try_lock(path) is None
    fd = try_lock(path)
    assert fd is not None
    os.close(fd)


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_the_owner_of_a_port_is_named(address: str) -> None:
    with socket.socket() as sock:
        sock.bind((address, 0))
        sock.listen()
        owner = owner_of(sock.getsockname()[1])
    assert owner is not None
    assert owner.endswith(f"(pid {os.getpid()})")


def test_a_free_port_has_no_owner() -> None:
    assert owner_of(free_port()) is None
