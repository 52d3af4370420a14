"""The text of a file: only plain files, of a bounded size, in UTF-8, and never waiting for a pipe."""

from __future__ import annotations

import codecs
import os
import re
import stat
from pathlib import Path

from sluice.errors import Mark, SpecFileError
from sluice.spec.faults import Fault

MAX_BYTES = 4 * 1024 * 1024  # what Azure Resource Manager takes as one request

_LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_MARKS = {
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


def display_path(path: Path, root: Path) -> str:
    """Return `path` as messages show it: relative to `root` where it lies below, with forward slashes."""
    try:
        return path.absolute().relative_to(root.absolute()).as_posix()
    except ValueError:
        return path.as_posix()


def read_text(path: Path, shown: str) -> str:
    """Return the text of `path`, without a byte order mark; `shown` names it in errors.

    Raises:
        SpecFileError: the file is missing, unreadable, no plain file, too large or not UTF-8.
    """
    at = Mark(shown)
    try:
        data = _read_bytes(path, at)
    except FileNotFoundError:
        raise _missing(path, at) from None
    except OSError as error:
        message = f"the file can't be read: {(error.strerror or 'unknown reason').lower()}"
        raise SpecFileError(message, at=at, remedy="Check its permissions.", code=Fault.UNREADABLE) from error
    except ValueError:
        message = "the file can't be read: its name holds a NUL character"
        raise SpecFileError(message, at=at, code=Fault.UNREADABLE) from None
    return decoded(data, shown)


def _read_bytes(path: Path, at: Mark) -> bytes:
    """Return what is in `path`. Its kind and size are looked at before it is opened, and again on what was opened."""
    _check(path.stat(), at)
    # Without O_NONBLOCK, a pipe put in the file's place in between would hold us up.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb") as stream:
        _check(os.fstat(descriptor), at)
        return stream.read(MAX_BYTES + 1) or b""  # None where it would have to wait


def _check(status: os.stat_result, at: Mark) -> None:
    kind = stat.S_IFMT(status.st_mode)
    if kind != stat.S_IFREG:
        message = f"a specification is a file, found {_KINDS.get(kind, 'something else')}"
        raise SpecFileError(message, at=at, remedy="Name the file itself.", code=Fault.NO_FILE)
    if status.st_size > MAX_BYTES:
        raise _too_large("", status.st_size, at)


def _too_large(words: str, size: int, at: Mark) -> SpecFileError:
    message = f"the file has {words} {size:,} bytes, a specification has at most {MAX_BYTES:,}".replace("  ", " ")
    remedy = "Keep data and models in files of their own, and name their paths."
    return SpecFileError(message, at=at, remedy=remedy, code=Fault.TOO_LARGE)


def _missing(path: Path, at: Mark) -> SpecFileError:
    if path.is_symlink():
        message, remedy = "the file is a link to what does not exist", "Correct or remove the link."
        return SpecFileError(message, at=at, remedy=remedy, code=Fault.MISSING)
    return SpecFileError("the file does not exist", at=at, remedy="Check its path.", code=Fault.MISSING)


def decoded(data: bytes, shown: str) -> str:
    """Return the text that the bytes of a file mean, without a byte order mark; `shown` names it in errors.

    Raises:
        SpecFileError: they are too many, or not UTF-8.
    """
    at = Mark(shown)
    if len(data) > MAX_BYTES:
        raise _too_large("more than", MAX_BYTES, at)
    for mark, name in _MARKS.items():
        if data.startswith(mark):
            message = f"the file is {name}; Azure's and prompt flow's loaders read UTF-8 only"
            raise SpecFileError(message, at=at, remedy="Save it as UTF-8.", code=Fault.ENCODING)
    text = data.removeprefix(codecs.BOM_UTF8)
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError as error:
        where = place_behind(text[: error.start].decode("utf-8"), shown)
        message = f"the file is not UTF-8: found the byte 0x{text[error.start]:02x}"
        raise SpecFileError(message, remedy="Save it as UTF-8.", at=where, code=Fault.ENCODING) from error


def place_behind(before: str, shown: str) -> Mark:
    """Return the place that follows the text `before`, with the line ends that YAML knows."""
    ends = list(_LINE_END.finditer(before))
    return Mark(shown, len(ends) + 1, len(before) - (ends[-1].end() if ends else 0) + 1)
