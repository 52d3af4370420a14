"""Small files that must never be half written, and locks between processes."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sluice.errors import Busy, StorageFailed

_FULL = {errno.ENOSPC, errno.EDQUOT}
_CLOSED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR}


@contextmanager
def storage_errors(path: Path, done: str = "written") -> Iterator[None]:
    """Turn a full disk or a folder that can't be written (or read) into StorageFailed."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFailed(f"{path}: no space left on the disk", remedy="Free some space and run again.") from None
        if error.errno in _CLOSED:
            raise StorageFailed(
                f"{path}: can't be {done} ({os.strerror(error.errno or 0).lower()})",
                remedy="Give yourself access, or set SLUICE_CACHE to a folder you own.",
            ) from None
        raise


def write_json(path: Path, value: Any) -> None:
    """Write `value` so that readers see the old file or the new one, whole; only the owner may read it."""
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}")
        try:
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                json.dump(value, file, indent=1, sort_keys=True)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)


def read_json(path: Path) -> Any | None:
    """Return the file's value, or None where there is no file. Raises StorageFailed for one that is damaged."""
    try:
        with storage_errors(path, "read"):
            return json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except ValueError:
        raise StorageFailed(f"{path}: is damaged (not JSON)", remedy="Bring it back from a backup.") from None


def remove_tree(path: Path) -> None:
    """Remove a folder and all in it; one that is gone is no error."""
    shutil.rmtree(path, ignore_errors=True)


@contextmanager
def locked(path: Path, *, timeout_s: float = 600.0, what: str = "") -> Iterator[None]:
    """Hold the file lock `path`. Raises Busy when another process keeps it for `timeout_s` seconds.

    The lock belongs to the open file, so it ends with the process however that ends.
    """
    descriptor = _acquire(path, time.monotonic() + timeout_s, what)
    try:
        yield
    finally:
        os.close(descriptor)


def _acquire(path: Path, deadline: float, what: str) -> int:
    while (descriptor := _try(path)) is None:
        if time.monotonic() > deadline:
            raise Busy(f"{what or path}: another process holds {path}", remedy="Wait for it to end.")
        time.sleep(0.02)
    return descriptor


def _try(path: Path) -> int | None:
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass  # held; or its holder has removed it with what it guarded, and the next one locks a new file
    os.close(descriptor)
    return None
