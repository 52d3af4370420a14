"""A container's log, streamed once: a runner that comes later goes on where the last one was."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

_TIME: Final = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d) ")


class Cursor:
    """How far a container's log was read: the time of the last piece, kept in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, container: str) -> str:
        """Return the time of the last piece of this container's log that was written; empty where there is none."""
        try:
            name, _, time = self._path.read_text(encoding="utf-8").partition(" ")
        except OSError:
            return ""
        return time if name == container else ""

    def write(self, container: str, time: str) -> None:
        """Keep it, whole wherever we are killed; a full disk must not stop what runs."""
        beside = self._path.with_name(f"{self._path.name}.new")
        with suppress(OSError):
            beside.write_text(f"{container} {time}", encoding="utf-8")
            beside.replace(self._path)


def stream(pieces: Iterable[bytes], container: str, cursor: Cursor, write: Callable[[bytes], object]) -> None:
    """Write each piece of a log that the cursor has not passed, without its time."""
    last = cursor.read(container)
    for piece in pieces:
        time, text = split(piece)
        if time and time <= last:
            continue
        write(text)
        if time:
            last = time
            cursor.write(container, time)


def split(piece: bytes) -> tuple[str, bytes]:
    """Return time and text of a piece. Times compare as texts: nine digits of a second, in UTC."""
    found = _TIME.match(piece)
    if found is None:
        return "", piece
    second = datetime.fromisoformat((found[1] + found[3]).decode()).astimezone(UTC)
    digits = (found[2] or b"").decode().ljust(9, "0")
    return f"{second:%Y-%m-%dT%H:%M:%S}.{digits}", piece[found.end() :]


def since(time: str) -> float:
    """Return where to begin reading, in seconds since 1970, a little before `time`; 0 for all of it."""
    if not time:
        return 0.0
    seconds, _, digits = time.partition(".")
    return datetime.fromisoformat(seconds).replace(tzinfo=UTC).timestamp() + float(f"0.{digits}") - 0.001
