"""Files that must never be half written or read by others, and locks between processes and threads."""

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

TAIL_BYTES = 262_144
_FULL = {errno.ENOSPC, errno.EDQUOT}
_CLOSED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.EIO}


@contextmanager
def storage_errors(path: Path, done: str = "written") -> Iterator[None]:
    """Turn a full disk, or a place that can't be written (or read), into StorageFailed."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFailed(f"{path}: no space left on the disk", remedy="Free some space and run again.") from None
        if error.errno not in _CLOSED:
            raise
        raise StorageFailed(
            f"{path}: can't be {done} ({os.strerror(error.errno or 0).lower()})",
            remedy="Give yourself access, or set SLUICE_CACHE to a folder you own.",
        ) from None


def write_private(path: Path, text: str) -> None:
    """Write so that readers see the old file or the new one, whole; mode 600, its folder made with mode 700."""
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}")
        try:
            fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                file.write(text)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write a value as `write_private` writes text."""
    write_private(path, json.dumps(value, indent=1, sort_keys=True))


def read_text(path: Path) -> str | None:
    """Return a file's text; None when it is not there."""
    with storage_errors(path, "read"):
        try:
            return path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None


def read_json(path: Path) -> Any | None:
    """Return the file's value, or None where there is no file. Raises StorageFailed for one that is damaged."""
    try:
        text = read_text(path)
        return None if text is None else json.loads(text)
    except ValueError:
        raise StorageFailed(
            f"{path}: is damaged (not JSON)", remedy="Take what is there away and begin anew: sluice down --force"
        ) from None


def tail(path: Path, lines: int) -> list[str]:
    """Return the last lines of a file (of its last 256 KiB), oldest first; none when it can't be read."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL_BYTES))
            found = file.read().decode(errors="replace").splitlines()
    except OSError:
        return []
    return found[-lines:] if lines > 0 else []


def remove_tree(path: Path) -> None:
    """Remove a folder and all in it; one that is gone is no error."""
    shutil.rmtree(path, ignore_errors=True)


@contextmanager
def locked(path: Path, *, timeout_s: float = 600.0, what: str = "") -> Iterator[None]:
    """Hold the lock of this file, waiting for it; the system frees it when its holder dies.

    The file is made (mode 600) when missing, and its folder (mode 700); its holder may delete them.
    Raises Busy when another keeps it for `timeout_s` seconds, StorageFailed.
    """
    deadline = time.monotonic() + timeout_s
    while (descriptor := try_lock(path)) is None:
        if time.monotonic() > deadline:
            raise Busy(f"{what or path}: another process holds {path}", remedy="Wait for it to end.")
        time.sleep(0.01)
    try:
        yield
    finally:
        os.close(descriptor)


def try_lock(path: Path) -> int | None:
    """Return a descriptor that holds the lock until it is closed; None when another has it."""
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with storage_errors(path):
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            return None  # its folder was deleted this very moment
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass  # held; or its holder has removed it with what it guarded, and the next one locks a new file
    os.close(descriptor)
    return None
