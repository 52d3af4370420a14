"""What planning needs to know of a prompt flow folder: connections, packages, inputs, outputs, included files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sluice.spec.models import Flow, FlowConnectionUse
from sluice.spec.nodes import ListNode, MapNode, Node, dig, items, text
from sluice.spec.parse import read_node
from sluice.spec.requirements import pip_lines

if TYPE_CHECKING:
    import ast

FLOW_FILES = ("flow.dag.yaml", "flow.flex.yaml", "flow.dag.yml", "flow.flex.yml")

_CONNECTION_TYPE = re.compile(r"\w*Connection\b")
_FIELD_REFERENCE = re.compile(r"\$\{(?P<connection>[\w -]+)\.[\w -]+\}")


def flow_file(folder: Path) -> Path | None:
    """Return the flow's definition in `folder`, or None where the folder holds no flow."""
    return next((folder / name for name in FLOW_FILES if (folder / name).is_file()), None)


def read_flow(folder: Path, files: Mapping[str, Path] | None = None, root: Path | None = None) -> Flow | None:
    """Return the flow in `folder`, or None where there is none.

    `files` says where the flow's files lie (name inside the flow to path), for flows with additional includes;
    marks in errors are relative to `root`.

    Raises:
        SpecFileError: the flow's definition or its requirements file can't be read.
    """
    file = flow_file(folder)
    if file is None:
        return None
    node = read_node(file, root or folder)
    found = _Files(folder, files or {})
    requirements_file = _requirements_file(node, found)
    return Flow(
        file=file,
        connections=tuple(dict.fromkeys(_connections(node, found))),
        requirements=pip_lines(requirements_file) if requirements_file else (),
        requirements_file=requirements_file,
        image=text(node, "environment", "image"),
        inputs=tuple(key for key, _ in items(node, "inputs")),
        outputs=tuple(key for key, _ in items(node, "outputs")),
    )


class _Files:
    """Where the files of a flow lie."""

    def __init__(self, folder: Path, files: Mapping[str, Path]) -> None:
        self._folder = folder
        self._files = files

    def find(self, name: str) -> Path | None:
        path = self._files.get(Path(name).as_posix(), self._folder / name)
        return path if path.is_file() else None


def _requirements_file(node: Node, files: _Files) -> Path | None:
    named = text(node, "environment", "python_requirements_txt")
    return (files.find(named) if named else None) or files.find("requirements.txt")


def _connections(node: Node, files: _Files) -> Iterator[FlowConnectionUse]:
    for name, step in _nodes(node):
        yield from _node_connections(name, step, files)
    for key, entry in items(node, "init"):
        if _CONNECTION_TYPE.fullmatch(text(entry.node, "type") or ""):
            value = text(node, "sample", "init", key) or text(entry.node, "default")
            yield from _use(value, f"init.{key}")
    for key, entry in items(node, "environment_variables"):
        found = _FIELD_REFERENCE.fullmatch(text(entry.node) or "")
        yield from _use(found["connection"] if found else None, f"environment_variables.{key}")


def _use(connection: str | None, node: str) -> Iterator[FlowConnectionUse]:
    if connection and not connection.startswith("${"):
        yield FlowConnectionUse(connection, node)


def _nodes(node: Node) -> Iterator[tuple[str, Node]]:
    """Yield name and definition of every node; of one with variants, the default variant's (all without a default)."""
    listed = dig(node, "nodes")
    variants = dict(items(node, "node_variants"))
    for step in listed.items if isinstance(listed, ListNode) else ():
        name = text(step, "name") or ""
        if name in variants and dig(step, "type") is None:
            yield from ((name, variant) for variant in _variants(variants[name].node))
        else:
            yield name, step


def _variants(node: Node) -> Iterator[Node]:
    chosen = text(node, "default_variant_id")
    known = dict(items(node, "variants"))
    for key in [chosen] if chosen in known else known:
        if found := dig(known[key or ""].node, "node"):
            yield found


def _node_connections(name: str, step: Node, files: _Files) -> Iterator[FlowConnectionUse]:
    yield from _use(text(step, "connection"), name)
    inputs = dig(step, "inputs")
    if not isinstance(inputs, MapNode):
        return
    source = text(step, "source", "path")
    if text(step, "source", "type") == "package":
        wanted = {key for key in inputs.entries if key.endswith("connection")}
    else:
        wanted = _connection_parameters(files.find(source)) if source and source.endswith(".py") else set()
    for key in inputs.entries:
        if key in wanted:
            yield from _use(text(inputs, key), name)


def _connection_parameters(source: Path | None) -> set[str]:
    """Return the parameters of a tool's source whose annotation names a connection class."""
    import ast

    try:
        tree = ast.parse(source.read_bytes()) if source else None
    except (OSError, SyntaxError, ValueError):
        return set()
    functions = (
        [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)] if tree else []
    )
    tools = [function for function in functions if any(_is_tool(mark) for mark in function.decorator_list)]
    return {name for function in tools or functions for name in _annotated(function.args)}


def _is_tool(decorator: ast.expr) -> bool:
    import ast

    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return (called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")) == "tool"


def _annotated(arguments: ast.arguments) -> Iterator[str]:
    import ast

    for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
        if argument.annotation is not None and _CONNECTION_TYPE.search(ast.unparse(argument.annotation)):
            yield argument.arg
