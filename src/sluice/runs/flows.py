"""A flow as a run sees it: its files by content, its inputs, and the environment it runs in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sluice.errors import SpecError
from sluice.images.feeds import split_feeds
from sluice.images.lock import lock_path, read_lock
from sluice.images.prepare import indexes_of
from sluice.images.uv import Run
from sluice.plan.servers import ServerKind
from sluice.spec.content import model_content
from sluice.spec.flow import flow_file
from sluice.spec.models import Flow, ModelContent
from sluice.targets.local.environments import PythonEnvironment, Talk, ensure_environment
from sluice.targets.local.files import locked
from sluice.targets.local.models import ModelStore
from sluice.targets.local.paths import StackPaths
from sluice.targets.local.serving.images import server_packages


@dataclass(frozen=True)
class FlowSource:
    """A flow on disk: `path` is its folder, `file` its definition's name in the folder."""

    path: Path
    file: str
    content: ModelContent

    @property
    def sha256(self) -> str:
        """The hash of its files."""
        return self.content.sha256

    @property
    def flow(self) -> Flow | None:
        """What is known of it; None for a prompty file."""
        return self.content.flow

    def definition(self) -> dict[str, Any]:
        """Return the flow's definition as YAML reads it; empty for a prompty file."""
        if not self.file.endswith((".yaml", ".yml")):
            return {}
        found = yaml.safe_load(self.content.files[self.file].read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else {}

    def inputs(self) -> Mapping[str, bool]:
        """Return the flow's inputs, and of each whether it has a default."""
        listed = self.definition().get("inputs") or {}
        return {name: isinstance(one, dict) and one.get("default") is not None for name, one in listed.items()}


def read_flow_source(path: Path, root: Path) -> FlowSource:
    """Return the flow at `path`: a folder, or the file of its definition.

    Raises SpecError where there is no flow, or it can't be read.
    """
    folder, file = (path, None) if path.is_dir() else (path.parent, path)
    if not path.exists():
        raise SpecError(f"the flow {path} does not exist", remedy="Name a flow's folder, or its definition.")
    file = file or flow_file(folder) or next(iter(sorted(folder.glob("*.prompty"))), None)
    if file is None:
        raise SpecError(
            f"{folder} holds no flow.dag.yaml or flow.flex.yaml", remedy="Name a flow's folder, or its definition."
        )
    return FlowSource(folder, file.name, model_content(folder, root))


def snapshots(project: Path) -> ModelStore:
    """Return where the flows of runs are kept by content."""
    return ModelStore(StackPaths(project / ".sluice" / "snapshots"))


def keep_snapshot(project: Path, source: FlowSource) -> Path:
    """Return the folder of a copy of the flow that never changes."""
    store = snapshots(project)
    with locked(store.paths.root / "snapshots.lock", what="a run's snapshot"):
        store.keep(source.sha256, source.content.files)
    return store.content(source.sha256)


def flow_environment(source: FlowSource, talk: Talk) -> tuple[PythonEnvironment, int]:
    """Return the flow's own environment and how many packages it has; it is built where the cache lacks it.

    It holds prompt flow and what the flow's requirements name, as a deployment's does; a lock beside them is taken
    as it is. Raises EnvironmentFailed, StorageFailed, SecretMissing (a private feed), Interrupted.
    """
    own = source.flow.requirements if source.flow else ()
    feeds, lines = split_feeds(own)
    server = server_packages(source.flow.image if source.flow else None, ServerKind.FLOW, lines)
    lock = _lock(source, server)
    config = indexes_of(feeds).run(Run()).config if feeds else ""
    return ensure_environment((*server, *lines), None, talk, lock=lock, config=config)


def _lock(source: FlowSource, server: tuple[str, ...]) -> str | None:
    """Return the lock beside the flow's requirements, where there is one made beside these packages of the server."""
    file = source.flow.requirements_file if source.flow and source.flow.requirements else None
    path = lock_path(file) if file else None
    if path is None or not path.is_file():
        return None
    text = path.read_text(encoding="utf-8")
    return text if read_lock(text, path.name).server == server else None
