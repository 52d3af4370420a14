"""`sluice logs`: what deployments write."""

from __future__ import annotations

import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from sluice.cli.common import DEFAULT_STACK, EndpointName, Stack, chosen_endpoint, local_target
from sluice.errors import NotFound
from sluice.report import say

if TYPE_CHECKING:
    from sluice.targets.local.state import EndpointState
    from sluice.targets.local.target import LocalTarget


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("logs")(logs)


def logs(
    stack: Stack = DEFAULT_STACK,
    endpoint: EndpointName = None,
    deployment: Annotated[str | None, typer.Option("--deployment", "-d", help="Only this deployment.")] = None,
    replica: Annotated[str | None, typer.Option("--replica", help="Only this replica (its id in `status`).")] = None,
    tail: Annotated[int, typer.Option("--tail", "-n", min=0, help="How many lines of each.")] = 50,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines are written; Ctrl-C ends it.")] = False,
) -> int:
    """Show the logs of deployments, per replica.

    Examples: sluice logs -d blue | sluice logs --replica qa.blue.0 -n 200 -f
    """
    target = local_target(stack)
    names = _replicas(chosen_endpoint(target, endpoint), deployment, replica)
    for name in names:
        for line in target.supervisor.log_tail(name, tail):
            say(f"{name}  {line}")
    if follow:
        _follow(target, names)
    return 0


def _replicas(state: EndpointState, deployment: str | None, replica: str | None) -> list[str]:
    if deployment and deployment not in state.deployments:
        raise NotFound(f"deployment {deployment} does not exist; found: {', '.join(state.deployments) or 'none'}")
    chosen = [state.deployments[deployment]] if deployment else list(state.deployments.values())
    names = [one.program for deployed in chosen for one in deployed.replicas]
    if replica and replica not in names:
        raise NotFound(f"replica {replica} does not exist; found: {', '.join(names) or 'none'}")
    return [replica] if replica else names


def _follow(target: LocalTarget, names: list[str]) -> None:
    readers = {name: _Follower(target.supervisor.log_path(name)) for name in names}
    while True:
        for name, reader in readers.items():
            for line in reader.lines():
                say(f"{name}  {line}")
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
