"""Small things about files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sluice.errors import StorageFailed

TAIL_BYTES = 262_144


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the system says about writing there into StorageFailed."""
    try:
        yield
    except OSError as error:
        remedy = "Free some space, or mend the rights of the folder."
        raise StorageFailed(f"{path} can't be written: {error.strerror}", remedy=remedy) from error


def write_private(path: Path, text: str) -> None:
    """Write a file of mode 600, at once and whole. Raises StorageFailed."""
    beside = path.with_name(f"{path.name}.{os.getpid()}.new")
    with writing(path):
        beside.unlink(missing_ok=True)
        fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(text)
        beside.replace(path)


def read_text(path: Path) -> str | None:
    """Return a file's text; None when it is not there."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


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
