"""Where the local target of one stack keeps its files: `.sluice/local/<stack>/` in the project."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class StackPaths:
    """Folders of one stack on this machine; nothing outside of them but caches and sockets is written."""

    root: Path

    @classmethod
    def of(cls, project: Path, stack: str) -> StackPaths:
        """Return the folders of `stack` in `project`."""
        return cls(project / ".sluice" / "local" / stack)

    @property
    def processes(self) -> Path:
        """The supervisor's folder."""
        return self.root / "processes"

    @property
    def contents(self) -> Path:
        """Model contents by hash."""
        return self.root / "contents"

    def registry(self, kind: str) -> Path:
        """Return the folder of one kind of record."""
        return self.root / kind

    def endpoint(self, name: str) -> Path:
        """Return an endpoint's folder."""
        return self.root / "endpoints" / name

    def rollout(self, endpoint: str) -> Path:
        """Return the folder of an endpoint's rollouts."""
        return self.root / "rollouts" / endpoint
