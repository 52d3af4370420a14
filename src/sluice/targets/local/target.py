"""The local target of one stack: what its parts share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sluice.targets.local.models import ModelStore
from sluice.targets.local.paths import StackPaths
from sluice.targets.local.processes.supervisor import Supervisor
from sluice.targets.local.registry import Registry
from sluice.targets.local.state import EndpointFile, endpoint_file


def _silent(text: str) -> None:
    del text


def _never() -> bool:
    return False


@dataclass(frozen=True)
class LocalTarget:
    """One stack on this machine. `report` tells the user what goes on; `cancelled` asks whether to stop."""

    paths: StackPaths
    report: Callable[[str], None] = _silent
    cancelled: Callable[[], bool] = _never

    @classmethod
    def of(cls, project: Path, stack: str) -> LocalTarget:
        """Return the target of `stack` in `project`."""
        return cls(StackPaths.of(project, stack))

    @property
    def supervisor(self) -> Supervisor:
        """The process supervisor."""
        return Supervisor(self.paths.processes)

    @property
    def sockets(self) -> Path:
        """The folder for sockets, short enough for their paths; there once the supervisor has been started."""
        return self.supervisor.runtime.recorded_sockets() or self.paths.processes / "sock"

    @property
    def models(self) -> ModelStore:
        """The registered models."""
        return ModelStore(self.paths)

    def records(self, kind: str) -> Registry:
        """Return the records of one kind."""
        return Registry(self.paths.registry(kind))

    def endpoint(self, name: str) -> EndpointFile:
        """Return an endpoint's file."""
        return endpoint_file(self.paths, name)
