"""Rules of a run about the files it names: the flow with its inputs and nodes, the data with its columns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from sluice.errors import SpecFileError
from sluice.spec.columns import Columns, columns_of
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import describe, error_at, nearest, warning_at
from sluice.spec.nodes import ListNode, MapNode, Node, ScalarNode, dig, items, mark_of, text
from sluice.spec.parse import read_node
from sluice.spec.rules.run import LINE_NUMBER, MOST_TOLD, reference
from sluice.spec.values import local_path

_FLOW_NAMES = ("flow.dag.yaml", "flow.dag.yml", "flow.flex.yaml", "flow.flex.yml")
_VARIANT = re.compile(r"\$\{([^.{}]+)\.([^{}]+)\}")
_LLM_SETTINGS = ("connection", "deployment_name", "model")
_REMEDY = "Paths are relative to the file they are written in."


@dataclass(frozen=True)
class _Flow:
    """The flow of a run, as far as it can be read from its definition."""

    node: MapNode

    @property
    def flex(self) -> bool:
        return "entry" in self.node.entries

    @property
    def inputs(self) -> dict[str, bool]:
        """Whether each input has a default."""
        return {name: _has_default(entry.node) for name, entry in items(self.node, "inputs")}

    @property
    def nodes(self) -> dict[str, Node]:
        listed = dig(self.node, "nodes")
        found = listed.items if isinstance(listed, ListNode) else ()
        return {name: node for node in found if (name := text(node, "name"))}

    def variants(self, name: str) -> tuple[str, ...]:
        return tuple(key for key, _ in items(self.node, "node_variants", name, "variants"))


def _has_default(node: Node) -> bool:
    default = dig(node, "default")
    return default is not None and not (isinstance(default, ScalarNode) and default.value is None)


def files(node: Node, root: Path) -> Iterator[Diagnostic]:
    """The files that a run names exist; its mapping, variant and connections fit the flow and the data."""
    yield from _paths(node, root)
    flow, faults = _read_flow(node, root)
    yield from faults
    data = local_path(node, root, "data")
    columns = columns_of(data) if data and data.exists() else None
    if columns:
        yield from islice(_columns(node, columns), MOST_TOLD)
    if flow:
        yield from _of_flow(node, flow, columns)


def _of_flow(node: Node, flow: _Flow, columns: Columns | None) -> Iterator[Diagnostic]:
    yield from islice(_mapped_inputs(node, flow), MOST_TOLD)
    yield from islice(_unmapped_inputs(node, flow, columns), MOST_TOLD)
    yield from _variant(node, flow)
    yield from islice(_connections(node, flow), MOST_TOLD)
    yield from islice(_init(node, flow), MOST_TOLD)


def _paths(node: Node, root: Path) -> Iterator[Diagnostic]:
    for key in ("flow", "data", "environment_variables"):
        found, target = dig(node, key), local_path(node, root, key)
        if found and target and not target.exists():
            report = warning_at if _comes_later(key, target) else error_at
            yield report(found.at, f"`{key}` does not exist: `{text(found)}`", _REMEDY, "missing-file")
    if re.match(r"https?:", text(node, "flow") or ""):
        message = f"`flow` must be a path or `azureml:<flow name>`, found {describe(dig(node, 'flow'))}"
        yield error_at(mark_of(node, "flow"), message, "Check the flow out beside this file.", "run-flow")


def _comes_later(key: str, target: Path) -> bool:
    """Tell whether what is missing is of the sort that is not in Git: a .env file, or a whole folder of data."""
    if key == "environment_variables":
        return target.name.startswith(".env")
    return key == "data" and not target.parent.exists()


def _read_flow(node: Node, root: Path) -> tuple[_Flow | None, list[Diagnostic]]:
    """Return the flow that the run names, if it is here and readable, and what is wrong with its file."""
    path, at = local_path(node, root, "flow"), dig(node, "flow")
    if path is None or at is None or not path.exists():
        return None, []
    named = f"`flow`: `{text(at)}`"
    file, fault = _definition(path)
    if fault:
        return None, [error_at(at.at, f"{named} {fault}", "Name a flow's folder or its file.", "run-flow")]
    if file is None or file.stat().st_size == 0:
        return None, []
    try:
        flow = read_node(file, root)
    except SpecFileError as error:
        where = error.at or f"{file.name}"
        return None, [error_at(at.at, f"{named} can't be read: {where}: {error.message}", error.remedy, "run-flow")]
    if not isinstance(flow, MapNode):
        return None, [error_at(at.at, f"{named} holds no mapping in {file.name}", "", "run-flow")]
    return _Flow(flow), []


def _definition(path: Path) -> tuple[Path | None, str]:
    """Return the flow's YAML file (None for a prompty, which is not read), and what is wrong with `path`."""
    if path.is_file():
        if path.suffix.lower() in {".yaml", ".yml"}:
            return path, ""
        return None, "" if path.suffix.lower() == ".prompty" else "is no flow: a yaml, yml or prompty file is"
    found = [path / name for name in _FLOW_NAMES if (path / name).is_file()]
    if len(found) == 1:
        return found[0], ""
    if found:
        return None, f"holds several flows: {', '.join(one.name for one in found)}"
    return None, "" if any(path.glob("*.prompty")) else "holds no flow.dag.yaml or flow.flex.yaml"


def _columns(node: Node, columns: Columns) -> Iterator[Diagnostic]:
    """A mapped column is one of the data's."""
    for key, entry in items(node, "column_mapping"):
        found = reference(text(entry.node) or "")
        if found is None or found[0] != "data" or not found[1] or found[1] in columns.names or key == LINE_NUMBER:
            continue
        message = f"`column_mapping.{key}` reads a column that the data lacks, found {describe(entry.node)}"
        report = error_at if columns.complete else warning_at
        yield report(entry.node.at, message, _nearest_of(found[1], columns.names, "Columns"), "mapping-column")


def _mapped_inputs(node: Node, flow: _Flow) -> Iterator[Diagnostic]:
    """What is mapped is an input of the flow; a flex flow may take more than its definition lists."""
    known = tuple(flow.inputs)
    if flow.flex and not known:
        return
    for key, entry in items(node, "column_mapping"):
        if key in known or key == LINE_NUMBER:
            continue
        message = f"`column_mapping.{key}`: the flow has no input `{key}`"
        report = error_at if nearest(key, known) and not flow.flex else warning_at
        yield report(entry.key_at, message, _nearest_of(key, known, "Inputs"), "mapping-input")


def _unmapped_inputs(node: Node, flow: _Flow, columns: Columns | None) -> Iterator[Diagnostic]:
    """An input without default and mapping takes the data's column of its own name, or the run fails."""
    if flow.flex or (dig(node, "data") is None and dig(node, "run") is None):
        return
    mapped = {key for key, _ in items(node, "column_mapping")}
    at = mark_of(node, "column_mapping")
    for name in (name for name, default in flow.inputs.items() if not default and name not in mapped):
        message = f"nothing fills the flow's input `{name}`: it has no mapping, no default, and"
        remedy = f"Map it in `column_mapping`, for example `{name}: ${{data.{name}}}`."
        if dig(node, "data") is None:
            remedy = f"Map it in `column_mapping`, for example `{name}: ${{run.outputs.{name}}}`."
            yield warning_at(at, f"{message} the run has no `data`", remedy, "mapping-input")
        elif columns is None:
            message = f"the flow's input `{name}` has no mapping and no default; the data's column `{name}` fills it"
            yield warning_at(at, message, remedy, "mapping-input")
        elif name not in columns.names:
            report = error_at if columns.complete else warning_at
            yield report(at, f"{message} the data lacks a column of that name", remedy, "mapping-input")


def _variant(node: Node, flow: _Flow) -> Iterator[Diagnostic]:
    """The variant exists, and its node uses variants."""
    found = _VARIANT.search(text(node, "variant") or "")
    written = dig(node, "variant")
    if found is None or written is None or flow.flex:
        return
    name, variant = found[1], found[2]
    if name not in flow.nodes:
        message = f"`variant`: the flow has no node `{name}`"
        yield error_at(written.at, message, _nearest_of(name, tuple(flow.nodes), "Nodes"), "run-variant")
    elif variant not in flow.variants(name):
        message = f"`variant`: the node `{name}` has no variant `{variant}`"
        yield error_at(written.at, message, _nearest_of(variant, flow.variants(name), "Variants"), "run-variant")
    elif not _uses_variants(flow.nodes[name]):
        message = f"`variant`: the node `{name}` does not use variants, so this one is ignored"
        yield warning_at(written.at, message, "Set `use_variants: true` at the node.", "run-variant")


def _uses_variants(node: Node) -> bool:
    found = dig(node, "use_variants")
    return isinstance(found, ScalarNode) and found.value is True


def _connections(node: Node, flow: _Flow) -> Iterator[Diagnostic]:
    """Connections are given to nodes that exist; an LLM node takes three settings."""
    if flow.flex:
        return
    for name, entry in items(node, "connections"):
        if name not in flow.nodes:
            message = f"`connections.{name}`: the flow has no node `{name}`"
            yield error_at(entry.key_at, message, _nearest_of(name, tuple(flow.nodes), "Nodes"), "run-node")
        elif text(flow.nodes[name], "type") == "llm":
            yield from _llm_settings(name, entry.node)


def _llm_settings(name: str, settings: Node) -> Iterator[Diagnostic]:
    for key, entry in items(settings):
        if key not in _LLM_SETTINGS:
            message = f"unknown key `{key}` in `connections.{name}`, which is an LLM node"
            yield error_at(entry.key_at, message, _nearest_of(key, _LLM_SETTINGS, "Known keys"), "unknown-key")


def _init(node: Node, flow: _Flow) -> Iterator[Diagnostic]:
    """`init` is for flex flows, and gives the arguments that the flow lists."""
    if dig(node, "init") is None:
        return
    if not flow.flex:
        message = "`init` is for class-based flex flows; this flow is none, so it is ignored"
        yield warning_at(mark_of(node, "init"), message, "Remove it.", "run-init")
        return
    known = tuple(key for key, _ in items(flow.node, "init"))
    for key, entry in items(node, "init"):
        if known and key not in known:
            message = f"`init.{key}`: the flow lists no argument `{key}`"
            yield warning_at(entry.key_at, message, _nearest_of(key, known, "Arguments"), "run-init")


def _nearest_of(word: str, known: Sequence[str], what: str) -> str:
    meant = nearest(word, known)
    return f"Did you mean `{meant}`?" if meant else f"{what}: {', '.join(known) or 'none'}."


FILE_RULES = (files,)
