"""Which user-assigned identities a project's workspace files name."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sluice.errors import Mark
from sluice.spec.checking import check_document
from sluice.spec.documents import Document
from sluice.spec.kinds import Kind, detect
from sluice.spec.load import raise_errors
from sluice.spec.nodes import Node, items, text
from sluice.spec.parse import read_documents, single
from sluice.spec.reading import display_path

PATTERNS: Final = ("workspace*.y*ml", "workspace/**/*.y*ml", "workspaces/**/*.y*ml")


def workspace_identities(root: Path, workspace: str) -> tuple[str, ...]:
    """Return the ARM ids that the workspace files of a project give to `workspace`, each once.

    A file without a name is for any workspace: an update takes the name from the command line.
    Raises SpecError for a file that breaks a rule.
    """
    found: dict[str, None] = {}
    for document in _documents(root):
        named = text(document.node, "name")
        if named is None or named.lower() == workspace.lower():
            found |= dict.fromkeys(_identities(document.node))
    return tuple(found)


def _identities(node: Node) -> list[str]:
    return [arm_id.rstrip("/") for arm_id, _ in items(node, "identity", "user_assigned_identities")]


def _documents(root: Path) -> list[Document]:
    paths = sorted({path for pattern in PATTERNS for path in root.glob(pattern) if path.is_file()})
    found: list[Document] = []
    for path in paths:
        documents = read_documents(path, root)
        if documents and detect(documents[0], path.relative_to(root)) is Kind.WORKSPACE:
            read = Document(Kind.WORKSPACE, single(documents, Mark(display_path(path, root))))
            raise_errors(check_document(read, root, alone=False).diagnostics)
            found.append(read)
    return found
