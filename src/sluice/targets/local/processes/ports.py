"""Ports of this machine's loopback address."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import SystemRandom

_LISTENS = "0A"  # the state LISTEN in /proc/net/tcp
_LOOPBACK_OR_ANY = {"0100007F", "00000000", "0" * 32, "0" * 24 + "01000000", "0000000000000000FFFF00000100007F"}


# Below where Linux and macOS take the ports of outgoing connections from: one of those could come in between.
_RANGE = range(15_000, 32_000)
_TRIES = 200


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody had a moment ago, and no outgoing connection will be given."""
    chosen = (SystemRandom().choice(_RANGE) for _ in range(_TRIES))
    return next((port for port in chosen if _is_free(port)), 0) or _any_port()


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _any_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def owner_of(port: int) -> str | None:
    """Return who listens on 127.0.0.1:`port`, as "name (pid N)".

    None when nobody does, or when it can't be known: another user's process, or a system without /proc.
    """
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    if not sockets:
        return None
    for folder in Path("/proc").glob("[0-9]*"):
        if not sockets.isdisjoint(_open_files(folder)):
            with suppress(OSError):
                return f"{(folder / 'comm').read_text(encoding='utf-8').strip()} (pid {folder.name})"
    return None


def _listening_inodes(port: int) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        try:
            lines = Path("/proc/net", table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            address, _, number = fields[1].partition(":")
            if int(number, 16) == port and fields[3] == _LISTENS and address in _LOOPBACK_OR_ANY:
                yield fields[9]


def _open_files(process: Path) -> Iterator[str]:
    try:
        for entry in (process / "fd").iterdir():
            with suppress(OSError):
                yield str(entry.readlink())
    except OSError:  # it ended, or is another user's
        return
