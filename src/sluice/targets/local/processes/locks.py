"""Locks between processes and threads alike: flock on a file that may be deleted with what it guards."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sluice.targets.local.processes.files import writing


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock of this file, waiting for it; the system frees it when its holder dies.

    The file is made (mode 600) when missing, and its folder (mode 700); its holder may delete them.
    Raises StorageFailed.
    """
    fd = _locked(path)
    try:
        yield
    finally:
        os.close(fd)


def try_lock(path: Path) -> int | None:
    """Return a descriptor that holds the lock until it is closed; None when another has it."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd


def _locked(path: Path) -> int:
    while True:
        with writing(path.parent):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with writing(path), suppress(FileNotFoundError):  # the folder was deleted meanwhile: make it again
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(fd, fcntl.LOCK_EX)
            if _is(fd, path):
                return fd
            os.close(fd)


def _is(fd: int, path: Path) -> bool:
    """Tell whether this is still the file there: who held it may have deleted it, and others lock a new one."""
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False
