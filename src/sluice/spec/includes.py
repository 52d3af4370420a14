"""A flow's `additional_includes`, with the meaning prompt flow 1.18 gives them: which files they bring, and where to.

An include lies in the flow's folder under its own name and overwrites what lies there. `<name>.zip`, where only a
folder `<name>` exists, means an archive of that folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sluice.errors import Mark
from sluice.spec.nodes import ListNode, Node, dig, text


@dataclass(frozen=True)
class Include:
    """One additional include: as it is written, where, and what it leads to on disk (absolute, links followed)."""

    written: str
    at: Mark
    path: Path

    @property
    def name(self) -> str:
        """The name it has in the flow's folder."""
        return self.path.name

    @property
    def archived(self) -> Path | None:
        """The folder it is an archive of; None for an include that lies on disk as it is."""
        folder = self.path.with_suffix("") if self.path.suffix == ".zip" else None
        return folder if folder and not exists(self.path) and is_folder(folder) else None

    @property
    def exists(self) -> bool:
        """Whether it leads to anything."""
        return exists(self.path) or self.archived is not None


def additional_includes(flow: Node, folder: Path) -> tuple[Include, ...]:
    """Return the additional includes of the flow in `folder`, in the order of the file."""
    listed = dig(flow, "additional_includes")
    nodes = listed.items if isinstance(listed, ListNode) else ()
    return tuple(
        Include(written, node.at, (folder / written).resolve())
        for node in nodes
        if (written := text(node)) and "\0" not in written
    )


def boundary(folder: Path, root: Path) -> Path | None:
    """Return the project that the flow in `folder` belongs to, which an include must not leave.

    That is the git repository; else the nearest folder with a `Pulumi.yaml`; else `root`, where it lies above the
    flow; else it is unknown.
    """
    above = [folder, *folder.parents]
    for marker in (".git", "Pulumi.yaml"):
        if found := next((place for place in above if (place / marker).exists()), None):
            return found.resolve()
    return root.resolve() if root != folder and root in above else None


@dataclass(frozen=True)
class FlowFolder:
    """A flow's folder as the flow sees it: with its additional includes in their places."""

    path: Path
    includes: Mapping[str, Include]

    def find(self, name: str) -> Path | None:
        """Return the file that `name` (relative to the folder) means, or None where there is none."""
        if "\0" in name:
            return None
        parts = PurePosixPath(name).parts
        included = self.includes.get(parts[0]) if parts else None
        if included and included.archived and len(parts) == 1:
            return included.archived
        places = [included.path.joinpath(*parts[1:])] if included else []
        return next((path for path in [*places, self.path / name] if is_file(path)), None)


def flow_folder(flow: Node, folder: Path) -> FlowFolder:
    """Return the folder of a flow with its additional includes; of two with one name the later one counts."""
    return FlowFolder(folder, {include.name: include for include in additional_includes(flow, folder)})


def exists(path: Path) -> bool:
    """Tell whether there is anything at `path`; there is nothing at one that the disk can't have."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def is_file(path: Path) -> bool:
    """Tell whether there is a file at `path`."""
    return exists(path) and path.is_file()


def is_folder(path: Path) -> bool:
    """Tell whether there is a folder at `path`."""
    return exists(path) and path.is_dir()
