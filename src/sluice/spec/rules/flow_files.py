"""Rules about the files a flow names: they exist, can be read, and fit what the flow says of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from sluice.errors import Mark
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import error_at, nearest, note_at, warning_at
from sluice.spec.includes import FlowFolder, flow_folder
from sluice.spec.nodes import MapNode, Node, dig, items, mark_of, text
from sluice.spec.reading import display_path
from sluice.spec.rules.flow_nodes import Definition, definitions
from sluice.spec.rules.flow_requirements import requirements_findings
from sluice.spec.rules.flow_sources import Parameters, Source, read_source, tool_parameters
from sluice.spec.values import folder_of

_REMEDY = "Paths are relative to the flow's folder."
_REQUIREMENTS = "requirements.txt"


def sources(node: Node, root: Path) -> Iterator[Diagnostic]:
    """The file of each node exists, and is Python where it has to be."""
    folder = flow_folder(node, folder_of(node.at, root))
    if text(node, "language") == "csharp":
        return
    for found in definitions(node):
        written = text(found.node, "source", "path")
        if written and text(found.node, "source", "type") in {None, "code", "package_with_prompt"}:
            yield from _source(found, written, folder, root)


def _source(found: Definition, written: str, folder: FlowFolder, root: Path) -> Iterator[Diagnostic]:
    named = dig(found.node, "source", "path")
    at = named.at if named else found.node.at
    path = folder.find(written)
    if path is None:
        message = f"`{found.path}.source.path` does not exist: `{written}`"
        yield error_at(at, message, _REMEDY, "missing-file")
        return
    if ".." in PurePosixPath(written).parts or PurePosixPath(written).is_absolute():
        message = f"`{found.path}.source.path` lies outside of the flow's folder: `{written}`"
        remedy = "Name the file in `additional_includes`, and here as if it lay in the flow's folder."
        yield warning_at(at, message, remedy, "flow-source-outside")
    if text(found.node, "type") == "python" and path.suffix == ".py":
        yield from _python(found, at, path, display_path(path, root))


def _python(found: Definition, at: Mark, path: Path, shown: str) -> Iterator[Diagnostic]:
    source = read_source(path)
    if finding := unreadable(source, at, shown):
        yield finding
    elif source.module and (wanted := tool_parameters(source.module)):
        yield from _arguments(found, wanted, shown)


def unreadable(source: Source, at: Mark, shown: str) -> Diagnostic | None:
    """Return what keeps a source from being judged: it is not Python, or has no statement."""
    if source.fault:
        message = f"the source `{shown}` is not valid Python: {source.fault}"
        return error_at(at, message, "Mend the source.", "python-syntax")
    if source.empty:
        return warning_at(at, f"the source `{shown}` is empty", "Write its function.", "empty-source")
    return None


def _arguments(found: Definition, wanted: Parameters, shown: str) -> Iterator[Diagnostic]:
    """A tool is called with the node's inputs: each is one of its parameters, and none that it needs is missing."""
    given = dict(items(found.node, "inputs"))
    for key, entry in given.items():
        if key not in wanted.names and not wanted.any_name:
            meant = nearest(key, [name for name in wanted.names if name not in given])
            remedy = f"Did you mean `{meant}`?" if meant else f"Its parameters: {', '.join(wanted.names) or 'none'}."
            message = f"`{found.path}.inputs.{key}` is no parameter of the tool in `{shown}`"
            yield warning_at(entry.key_at, message, remedy, "flow-argument")
    missing = [name for name in wanted.names if name in wanted.required and name not in given]
    if missing and not any(nearest(key, ("inputs",)) for key in found.node.entries.keys() - {"inputs"}):
        shown_names = ", ".join(f"`{name}`" for name in missing)
        at = mark_of(found.node, "inputs")
        message = f"`{found.path}.inputs` lacks {shown_names}, which the tool in `{shown}` needs"
        yield warning_at(at, message, "Add it, or give the parameter a default.", "flow-argument")


def environment(node: Node, root: Path) -> Iterator[Diagnostic]:
    """The files of the flow's environment exist; its requirements can be installed in a prompt flow runtime."""
    folder = flow_folder(node, folder_of(node.at, root))
    named = dig(node, "environment", "python_requirements_txt")
    path = folder.find(text(named) or _REQUIREMENTS)
    if path:
        yield from requirements_findings(path, root)
    elif named and (written := text(named)):
        message = f"`environment.python_requirements_txt` does not exist: `{written}`"
        # Authoring tools write the default name, whether there is a file or not; runtimes do without it.
        report = warning_at if PurePosixPath(written) == PurePosixPath(_REQUIREMENTS) else error_at
        yield report(named.at, message, _REMEDY, "missing-file")
    for key in ("conda_file", "setup_sh"):
        found = dig(node, "environment", key)
        name = text(found)
        if found and name and folder.find(name) is None:
            message = f"`environment.{key}` does not exist: `{name}`; prompt flow does without it"
            yield warning_at(found.at, message, _REMEDY, "missing-file")


def definition_name(node: Node, root: Path) -> Iterator[Diagnostic]:
    """Prompt flow finds a flow by the name of its file, and takes one flow a folder."""
    own = folder_of(node.at, root) / Path(node.at.path).name
    names = ("flow.dag.yaml", "flow.dag.yml", "flow.flex.yaml", "flow.flex.yml")
    others = [name for name in names if name != own.name and (own.parent / name).is_file()]
    if own.name in names and others and isinstance(node, MapNode):
        message = f"the folder has another flow: `{others[0]}`"
        yield note_at(node.at, message, "Name the file wherever the flow is used, or move one of them.", "flow-file")


FILE_RULES = (sources, environment, definition_name)
