"""Single values of specifications, from nodes: strings, string maps, paths."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from sluice.errors import Mark
from sluice.spec.frozen import frozen_map
from sluice.spec.nodes import ListNode, Node, ScalarNode, Step, dig, items, text

_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


def as_text(node: Node | None) -> str:
    """Return a scalar as Azure's loader writes it: what YAML read, as Python prints it; all else is empty."""
    return str(node.value) if isinstance(node, ScalarNode) and node.value is not None else ""


def text_map(node: Node, *path: Step) -> Mapping[str, str]:
    """Return the mapping at `path` with every value as text."""
    return frozen_map({key: as_text(entry.node) for key, entry in items(node, *path)})


def key_marks(node: Node) -> Mapping[str, Mark]:
    """Return where each key and list item below `node` stands, by its dotted path: `steps.0.weight`."""
    return frozen_map(dict(_key_marks(node, "")))


def _key_marks(node: Node, above: str) -> Iterator[tuple[str, Mark]]:
    for key, entry in items(node):
        yield above + key, entry.key_at
        yield from _key_marks(entry.node, f"{above}{key}.")
    for index, item in enumerate(node.items if isinstance(node, ListNode) else ()):
        yield f"{above}{index}", item.at
        yield from _key_marks(item, f"{above}{index}.")


def version_of(node: Node) -> str:
    """Return an asset's version; without one it is the first."""
    return as_text(dig(node, "version")) or "1"


def is_remote(path: str) -> bool:
    """Tell whether `path` has a scheme (`azureml:`, `https:`, `runs:`) and so is no path of this machine."""
    return bool(_REMOTE.match(path))


def folder_of(at: Mark, root: Path) -> Path:
    """Return the folder of the file in which a value stands: relative paths start there."""
    return (root / at.path).parent


def local_path(node: Node, root: Path, *path: Step) -> Path | None:
    """Return the absolute path that the string at `path` means; None where there is none, or a remote address."""
    found, written = dig(node, *path), text(node, *path)
    if found is None or not written or is_remote(written):
        return None
    # Path would make four objects on the way; files have many paths, and thousands of files are read in one call.
    return Path(os.path.realpath(os.path.join(root, os.path.dirname(found.at.path), written)))  # noqa: PTH118, PTH120
