"""What a run.yml says, checked, as frozen values. Their meaning is written in its schema."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sluice.errors import Mark, SpecError, Unsupported
from sluice.runs.variables import file_variables
from sluice.spec.checking import check_document
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.documents import Document
from sluice.spec.findings import warning_at
from sluice.spec.flags import Flags, laid_over
from sluice.spec.frozen import frozen_map
from sluice.spec.kinds import Kind
from sluice.spec.load import raise_errors
from sluice.spec.nodes import MapNode, Node, dig, items, map_node, mark_of, text, to_json
from sluice.spec.parse import read_node
from sluice.spec.values import as_text, is_remote, local_path, text_map

OF_FLOWS: Final = ("flow", "variant", "connections", "init")
"""Keys about a flow, which count for nothing where an endpoint is asked."""

_ONLY_AZURE: Final = ("resources", "identity", "runtime")


@dataclass(frozen=True)
class Definition:
    """A run as it is wanted; paths are absolute.

    Attributes:
        run: the base run's name.
        variant: a node and the variant of it.
        variables: may hold secrets; `${connection.key}` is not followed yet.
        connections: settings by node.
        recorded: what only Azure heeds (`resources`, `identity`, `runtime`).
    """

    at: Mark
    flow: Path | None = None
    data: Path | None = None
    run: str | None = None
    mapping: Mapping[str, Any] = field(default_factory=frozen_map)
    name: str | None = None
    display_name: str = ""
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=frozen_map)
    properties: Mapping[str, str] = field(default_factory=frozen_map)
    variant: tuple[str, str] | None = None
    variables: Mapping[str, str] = field(default_factory=frozen_map, repr=False)
    connections: Mapping[str, Mapping[str, Any]] = field(default_factory=frozen_map)
    init: Mapping[str, Any] = field(default_factory=frozen_map)
    recorded: Mapping[str, Any] = field(default_factory=frozen_map)


def read_definition(
    file: Path, root: Path, flags: Flags, ignored: Collection[str] = ()
) -> tuple[Definition, tuple[Diagnostic, ...]]:
    """Return what a run.yml says, with the command line's values laid over it, and warnings about it.

    Args:
        file: the file.
        root: what paths in messages are relative to.
        flags: names and values of the command line.
        ignored: keys that don't count: `OF_FLOWS` where an endpoint is asked.

    Raises:
        SpecFileError: the file can't be read, or is no YAML.
        SpecError: it breaks its schema or a rule; the text holds every finding.
        Unsupported: it names what is only in the cloud.
    """
    node = _without(laid_over(read_node(file.absolute(), root), flags, Kind.RUN), ignored)
    checked = check_document(Document(Kind.RUN, node), root)
    found = tuple(one for one in checked.diagnostics if "flow" not in ignored or not _about_no_flow(one))
    raise_errors(found)
    definition = _definition(checked.document.node, root)
    _refuse_remote(checked.document.node)
    return definition, (*found, *_without_effect(checked.document.node))


def _without(node: Node, ignored: Collection[str]) -> Node:
    if not isinstance(node, MapNode) or not ignored:
        return node
    return map_node(node.at, {key: entry for key, entry in node.entries.items() if key not in ignored})


def _about_no_flow(one: Diagnostic) -> bool:
    return one.code == "required" and one.message.startswith("`flow`")


def _definition(node: Node, root: Path) -> Definition:
    return Definition(
        at=node.at,
        flow=local_path(node, root, "flow"),
        data=local_path(node, root, "data"),
        run=text(node, "run"),
        mapping=_values(node, "column_mapping"),
        name=text(node, "name"),
        display_name=text(node, "display_name") or "",
        description=text(node, "description") or "",
        tags=text_map(node, "tags"),
        properties=text_map(node, "properties"),
        variant=_variant(text(node, "variant")),
        variables=_variables(node, root),
        connections=frozen_map({name: _values(entry.node) for name, entry in items(node, "connections")}),
        init=_init(node, root),
        recorded=frozen_map({key: to_json(found) for key in _ONLY_AZURE if (found := dig(node, key)) is not None}),
    )


def _values(node: Node, *path: str) -> Mapping[str, Any]:
    return frozen_map({key: to_json(entry.node) for key, entry in items(node, *path)})


def _variant(written: str | None) -> tuple[str, str] | None:
    if not written:
        return None
    name, _, variant = written.strip("'\"").removeprefix("${").removesuffix("}").partition(".")
    return name, variant


def _variables(node: Node, root: Path) -> Mapping[str, str]:
    file = local_path(node, root, "environment_variables")
    if file is None:
        return frozen_map({name: as_text(entry.node) for name, entry in items(node, "environment_variables")})
    return file_variables(file)


def _init(node: Node, root: Path) -> Mapping[str, Any]:
    file = local_path(node, root, "init")
    if file is None:
        return _values(node, "init")
    found = to_json(read_node(file, root)) if file.suffix != ".jsonl" else json.loads(file.read_text().splitlines()[0])
    if not isinstance(found, dict):
        raise SpecError(f"{file.name} holds no mapping of arguments", remedy="Write `name: value` lines.")
    return frozen_map(found)


def _refuse_remote(node: Node) -> None:
    for key in ("flow", "data"):
        written = text(node, key)
        if written and is_remote(written):
            raise Unsupported(
                f"`{key}` is `{written}`, which is not on this machine",
                remedy="Download it beside this file and name its path, or run it on Azure.",
                at=mark_of(node, key),
            )


def _without_effect(node: Node) -> Iterator[Diagnostic]:
    assert isinstance(node, MapNode)
    for key in (key for key in _ONLY_AZURE if key in node.entries):
        message = f"`{key}` has no effect on this machine; it is recorded with the run"
        yield warning_at(mark_of(node, key), message, "It counts on Azure.", "no-effect-here")
