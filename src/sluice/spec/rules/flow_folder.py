"""A flow checked where it lies, by its folder: as a model's content is."""

from __future__ import annotations

from pathlib import Path, PurePath

from sluice.errors import SpecFileError
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import error_at, schema_findings
from sluice.spec.flow import flow_file
from sluice.spec.kinds import Kind
from sluice.spec.nodes import MapNode, Node
from sluice.spec.parse import read_node
from sluice.spec.rules.registry import own_findings
from sluice.spec.schema import normalised, top


def flow_findings(folder: Path, root: Path) -> tuple[Diagnostic, ...]:
    """Return what is wrong with the flow in `folder`: its file's form, its schema and its rules, files included.

    Nothing is wrong with a folder that holds no flow. Marks are relative to `root`.
    """
    file = flow_file(folder)
    if file is None:
        return ()
    try:
        node = read_node(file, root)
    except SpecFileError as error:
        where = error.at
        return (error_at(where, error.message, error.remedy, error.code),) if where else ()
    return _checked(node, flow_kind(node), root)


def flow_kind(node: Node) -> Kind:
    """Return the form of a flow, as prompt flow tells it: one with an `entry` is a flex flow, whatever its name.

    Without an entry, the name of its file decides.
    """
    has_entry = isinstance(node, MapNode) and "entry" in node.entries
    return Kind.FLEX_FLOW if has_entry or PurePath(node.at.path).name.startswith("flow.flex.") else Kind.FLOW


def _checked(node: Node, kind: Kind, root: Path) -> tuple[Diagnostic, ...]:
    place = top(kind)
    read = normalised(node, place)
    breaches = schema_findings(kind, read, place)
    misspelled = any(breach.code == "unknown-key" for breach in breaches)
    own = (one for one in own_findings(kind, read, root) if not (misspelled and one.code == "required"))
    return tuple(sorted({*breaches, *own}, key=lambda finding: (finding.at, finding.message)))
