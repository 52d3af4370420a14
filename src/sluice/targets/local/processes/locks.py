"""Locks between processes and threads alike: flock on a file that may be deleted with what it guards."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock of this file, waiting for it; the system frees it when its holder dies.

    The file is made (mode 600) when missing, and its folder (mode 700); its holder may delete them.
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
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:  # the folder was deleted meanwhile
            continue
        fcntl.flock(fd, fcntl.LOCK_EX)
        try:
            if os.path.samestat(os.fstat(fd), path.stat()):
                return fd
        except FileNotFoundError:  # deleted by the one we waited for: lock the file of those who come now
            pass
        os.close(fd)
