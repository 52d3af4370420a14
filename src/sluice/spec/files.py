"""Files validated each on its own, without a project: the door of editors, hooks and `sluice validate FILE`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sluice.errors import Mark, SpecError
from sluice.spec.documents import Document, as_diagnostic
from sluice.spec.findings import error_at
from sluice.spec.kinds import Kind, claims, detect
from sluice.spec.load import check_document, order
from sluice.spec.models import Diagnostic
from sluice.spec.nodes import mark_of
from sluice.spec.parse import display_path, read_node


def validate_files(root: Path, paths: Sequence[Path], kind: Kind | None = None) -> tuple[Diagnostic, ...]:
    """Return what is wrong with the specification files `paths`, each on its own, without a project.

    Args:
        root: paths in marks are relative to it.
        paths: the files; one that can't be read is an error like any other.
        kind: what the files are; None means it is told by their `$schema`, keys or names.
    """
    root = root.resolve()
    findings = [finding for path in paths for finding in _validate_file(path.absolute(), root, kind)]
    return tuple(sorted(findings, key=order))


def _validate_file(path: Path, root: Path, kind: Kind | None) -> tuple[Diagnostic, ...]:
    shown_path = display_path(path, root)
    try:
        node = read_node(path, root)
    except SpecError as error:
        return (as_diagnostic(error, shown_path),)
    told = kind or detect(node, path)
    if told is None:
        message = "can't tell which kind of specification this is"
        remedy = f"Add `$schema: <kind>.schema.json`, with one of: {', '.join(Kind)}."
        return (error_at(Mark(shown_path), message, remedy, "kind"),)
    claimed = claims(node)
    if claimed and claimed is not told:
        message = f"expected a specification of the kind {told}, its `$schema` says {claimed}"
        return (error_at(mark_of(node, "$schema"), message, "", "kind"),)
    return check_document(Document(told, node), root).diagnostics
