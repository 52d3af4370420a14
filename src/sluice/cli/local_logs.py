"""Logs of replicas on this machine: their last lines, and what is added to them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from sluice.errors import NotFound

if TYPE_CHECKING:
    from sluice.targets.local.state import EndpointState
    from sluice.targets.local.target import LocalTarget


def replicas(state: EndpointState, deployment: str | None, replica: str | None) -> list[str]:
    """Return the replicas that are meant. Raises NotFound."""
    if deployment and deployment not in state.deployments:
        raise NotFound(f"deployment {deployment} does not exist; found: {', '.join(state.deployments) or 'none'}")
    chosen = [state.deployments[deployment]] if deployment else list(state.deployments.values())
    names = [one.program for deployed in chosen for one in deployed.replicas]
    if replica and replica not in names:
        raise NotFound(f"replica {replica} does not exist; found: {', '.join(names) or 'none'}")
    return [replica] if replica else names


def followed(target: LocalTarget, names: list[str]) -> Iterator[str]:
    """Yield what is added to the replicas' logs from now on, without end, each line with whose it is."""
    readers = {name: _Follower(target.supervisor.log_path(name)) for name in names}
    while True:
        for name, reader in readers.items():
            for line in reader.lines():
                yield f"{name}  {line}"
        time.sleep(0.2)


class _Follower:
    """Reads what is added to a log, and the new file when the log is rotated."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None
        self._seek_end = True

    def lines(self) -> list[str]:
        """Return the whole lines written since the last call."""
        self._reopen_if_rotated()
        return [line.rstrip("\n") for line in self._file or ()]

    def _reopen_if_rotated(self) -> None:
        try:
            now = self._path.stat().st_ino
        except FileNotFoundError:
            return
        import os

        if self._file is None or os.fstat(self._file.fileno()).st_ino != now:
            self._file = self._path.open(errors="replace")
            if self._seek_end:
                self._file.seek(0, 2)
            self._seek_end = False
