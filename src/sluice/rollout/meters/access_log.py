"""Following Envoy's access log: from where it was left, over rotations and deaths, each line once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

MOST_BYTES = 8 * 1024 * 1024
"""How much is read at once; the rest waits for the next time."""
_HEAD = 256


@dataclass(frozen=True)
class Position:
    """Where reading goes on: a file, known by its inode and its first bytes, and an offset behind a whole line.

    An inode alone would not do: that of a removed file is given to the next new one. Inode 0 is a file that was not
    there yet.
    """

    inode: int = 0
    offset: int = 0
    head: str = ""

    def plain(self) -> list[Any]:
        """Return it as JSON."""
        return [self.inode, self.offset, self.head]


@dataclass(frozen=True)
class Lines:
    """Whole lines in order, where to go on, and whether lines before them are gone for good."""

    lines: tuple[bytes, ...]
    position: Position
    gap: bool = False


def position_of(found: object) -> Position:
    """Return what `Position.plain` wrote."""
    return Position(*found) if isinstance(found, list) else Position()


def end_of(log: Path) -> Position:
    """Return the position behind the last whole line."""
    try:
        with log.open("rb") as file:
            return _at(file, _whole(file))
    except OSError:
        return Position()


def read_on(log: Path, position: Position, most_bytes: int = MOST_BYTES) -> Lines:
    """Return what was written since `position`; nothing where there is no file.

    Envoy's log is rotated by moving it to `<name>.1` and telling Envoy to open it anew. A new file is there only
    after the last line of the old one. Where the file of the position is gone altogether, reading begins anew with
    the log as it is. Raises OSError for a file that is there and can't be read.
    """
    with ExitStack() as opened:
        # In this order: were it rotated in between, both would be the same file, and none passed over.
        now, old = (_opened(opened, path) for path in (log, _rotated(log)))
        if now and _is(now, position):
            return _rest(now, position, most_bytes)
        if old and _is(old, position):
            rest = _rest(old, position, most_bytes)
            more = rest.position.offset < _whole(old)
            return rest if more or not now else _then(rest, now, most_bytes)
        if not now:
            return Lines((), position)
        began = Position(_inode(now))
        return Lines(*_lines_of(now, began, most_bytes), gap=position.inode != 0)


def last_lines(log: Path, upto: Position, most_bytes: int = MOST_BYTES // 2) -> Iterable[bytes]:
    """Return the last whole lines before a position, of the log and of the one before it, oldest first."""
    with ExitStack() as opened:
        now, old = (_opened(opened, path) for path in (log, _rotated(log)))
        recent = _tail(now, upto.offset, most_bytes) if now and _is(now, upto) else b""
        before = _tail(old, _whole(old), most_bytes - len(recent)) if old and len(recent) < most_bytes else b""
        return [*before.split(b"\n")[:-1], *recent.split(b"\n")[:-1]]


def _rotated(log: Path) -> Path:
    return log.with_suffix(f"{log.suffix}.1")


def _opened(stack: ExitStack, path: Path) -> IO[bytes] | None:
    try:
        return stack.enter_context(path.open("rb"))
    except FileNotFoundError:
        return None


def _then(rest: Lines, now: IO[bytes], most_bytes: int) -> Lines:
    """Go on in the file that came after one that was read to its end."""
    began = Position(_inode(now))
    lines, position = _lines_of(now, began, most_bytes)
    return Lines((*rest.lines, *lines), position)


def _rest(file: IO[bytes], position: Position, most_bytes: int) -> Lines:
    return Lines(*_lines_of(file, position, most_bytes))


def _lines_of(file: IO[bytes], position: Position, most_bytes: int) -> tuple[tuple[bytes, ...], Position]:
    file.seek(position.offset)
    found = file.read(most_bytes)
    whole = found.rfind(b"\n") + 1
    if not whole and len(found) == most_bytes:  # no line is so long: not ours
        whole = most_bytes
    lines = tuple(found[:whole].split(b"\n")[:-1])
    return lines, _at(file, position.offset + whole) if whole else position


def _at(file: IO[bytes], offset: int) -> Position:
    return Position(_inode(file), offset, _head(file, offset))


def _is(file: IO[bytes], position: Position) -> bool:
    """Tell whether this is the file of the position, with all that was read of it."""
    if _inode(file) != position.inode or os.fstat(file.fileno()).st_size < position.offset:
        return False
    return _head(file, position.offset) == position.head


def _inode(file: IO[bytes]) -> int:
    return os.fstat(file.fileno()).st_ino


def _head(file: IO[bytes], offset: int) -> str:
    """Return a hash of the first bytes, as far as they had been read; a line's request id makes them unlike others."""
    if not offset:
        return ""
    file.seek(0)
    return hashlib.sha256(file.read(min(offset, _HEAD))).hexdigest()[:16]


def _whole(file: IO[bytes]) -> int:
    """Return the offset behind the last whole line."""
    end = os.fstat(file.fileno()).st_size
    start = end
    while start > 0:
        start = max(0, start - 65_536)
        file.seek(start)
        found = file.read(min(65_536, end - start)).rfind(b"\n")
        if found >= 0:
            return start + found + 1
    return 0


def _tail(file: IO[bytes], end: int, most_bytes: int) -> bytes:
    """Return whole lines up to `end`, at most so many bytes."""
    start = max(0, end - most_bytes)
    file.seek(start)
    found = file.read(end - start)
    return found if start == 0 else found[found.find(b"\n") + 1 :]
