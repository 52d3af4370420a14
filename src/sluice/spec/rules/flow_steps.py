"""Rules of a flow's nodes by themselves: what they run, where it is from, and their variants.

Source of the rules: how prompt flow 1.18's executor resolves a node, and its choice of variants before a run.
"""

from __future__ import annotations

from collections.abc import Iterator

from sluice.errors import Mark
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import error_at, nearest, note_at, warning_at
from sluice.spec.nodes import MapNode, Node, dig, items, mark_of, text
from sluice.spec.rules.flow_nodes import Definition, definitions, is_true, listed_nodes, misspelled, variant_nodes
from sluice.spec.values import as_text

_APIS = ("chat", "completion")
_SOURCES = {"python": ("code", "package"), "custom_llm": ("package_with_prompt",)}
_NEEDED = {"code": ("path",), "package": ("tool",), "package_with_prompt": ("tool", "path")}
_PROMPTS = frozenset({"llm", "prompt"})  # of their sources, only the path is looked at


def kinds(flow: Node) -> Iterator[Diagnostic]:
    """Each node says what it runs and where that is from."""
    without = {found.name for found in definitions(flow) if is_true(found.node, "use_variants")}
    for found in definitions(flow):
        if found.name in without and not found.path.startswith("node_variants."):
            continue  # its variants are missing, which another rule says
        for key in ("type", "source"):
            if dig(found.node, key) is None and not _has_similar(found.node, key):
                yield error_at(
                    _place(found), f"`{found.path}.{key}` is missing", _missing(flow, found, key), "required"
                )


def _has_similar(node: MapNode, key: str) -> bool:
    return any(nearest(other, (key, "name", "inputs")) == key for other in node.entries)


def _place(found: Definition) -> Mark:
    return mark_of(found.node, "name") if dig(found.node, "name") else found.node.at


def _missing(flow: Node, found: Definition, key: str) -> str:
    if dig(flow, "node_variants", found.name) and not found.path.startswith("node_variants."):
        return f"The node has variants: add `use_variants: true`, or `{key}`."
    if key == "type":
        return "Say what the node runs: llm, python, prompt, custom_llm or csharp."
    return "Say where the node's code is: `type` (code, package or package_with_prompt), with `path` or `tool`."


def sources(flow: Node) -> Iterator[Diagnostic]:
    """A source names its file or its package's tool, and is one that the node's type takes."""
    for found in definitions(flow):
        source = dig(found.node, "source")
        if not isinstance(source, MapNode):
            continue
        written, kind = text(source, "type") or "code", text(found.node, "type") or ""
        taken = _SOURCES.get(kind, (written,))
        if written in _NEEDED and written not in taken:
            message = f"`{found.path}.source.type` of a node of the type {kind} must be {' or '.join(taken)}"
            yield error_at(_value(source, "type"), f"{message}, found `{written}`", "", "flow-source-type")
        else:
            yield from _incomplete(found, source, written)


def _incomplete(found: Definition, source: MapNode, written: str) -> Iterator[Diagnostic]:
    kind = text(found.node, "type")
    for key in ("path",) if kind in _PROMPTS else _NEEDED.get(written, ()):
        if not text(source, key) and kind != "csharp" and not _has_similar(source, key):
            what = "file of the code or prompt" if key == "path" else "dotted name of the package's tool"
            message = f"`{found.path}.source.{key}` is missing"
            yield error_at(mark_of(source, key), message, f"Name the {what}.", "required")


def _value(node: MapNode, key: str) -> Mark:
    found = dig(node, key)
    return found.at if found else node.at


def models(flow: Node) -> Iterator[Diagnostic]:
    """A node that asks a model names its connection and what it calls."""
    for found in definitions(flow):
        if text(found.node, "type") != "llm":
            continue
        if not text(found.node, "connection") and not _has_similar(found.node, "connection"):
            message = f"`{found.path}.connection` is missing: the node can't ask a model"
            remedy = "Name a connection; only a run that brings one (`connections`) does without."
            yield warning_at(_place(found), message, remedy, "flow-connection")
        api = text(found.node, "api")
        if api and api not in _APIS:
            meant = nearest(api, _APIS)
            message = f"`{found.path}.api` is `{api}`; prompt flow knows {' and '.join(_APIS)}"
            remedy = f"Did you mean `{meant}`?" if meant else ""
            yield warning_at(_value(found.node, "api"), message, remedy, "flow-api")


def variants(flow: Node) -> Iterator[Diagnostic]:
    """A node that uses variants has them, and the one that runs by default is among them."""
    if misspelled(flow, "node_variants") or misspelled(flow, "nodes"):
        return
    for path, node in listed_nodes(flow):
        name = text(node, "name") or ""
        if is_true(node, "use_variants") and not list(variant_nodes(flow, name)):
            whole = dig(node, "type") is not None and dig(node, "source") is not None
            message = f"`{path}.use_variants` is true, but `node_variants` has none of the node `{name}`"
            remedy = "Add them, or take `use_variants` out."
            report = warning_at if whole else error_at
            yield report(mark_of(node, "use_variants"), message, remedy, "flow-variant")
    for name, entry in items(flow, "node_variants"):
        yield from _default(name, entry.node)
        yield from _user(flow, name, entry.key_at)


def _default(name: str, node: Node) -> Iterator[Diagnostic]:
    known = [key for key, _ in items(node, "variants")]
    path, found = f"node_variants.{name}.default_variant_id", dig(node, "default_variant_id")
    chosen = as_text(found)
    if not known:
        return
    if found is None:
        remedy = f"Name one of {', '.join(known)}."
        yield error_at(mark_of(node, "default_variant_id"), f"`{path}` is missing", remedy, "required")
    elif chosen not in known:
        meant = nearest(chosen, known)
        message = f"`{path}` names no variant of the node: found `{chosen}`"
        remedy = f"Did you mean `{meant}`?" if meant else f"Its variants: {', '.join(known)}."
        yield error_at(found.at, message, remedy, "flow-variant")


def _user(flow: Node, name: str, at: Mark) -> Iterator[Diagnostic]:
    nodes = {text(node, "name") or "": node for _, node in listed_nodes(flow)}
    if name not in nodes:
        meant = nearest(name, list(nodes)[:100])
        remedy = f"Did you mean `{meant}`?" if meant else "Remove it, or add the node."
        yield warning_at(at, f"`node_variants.{name}` belongs to no node", remedy, "flow-variant")
    elif not is_true(nodes[name], "use_variants") and dig(nodes[name], "type") is not None:
        message = f"`node_variants.{name}` has no effect: the node does not use variants"
        yield note_at(at, message, "Set `use_variants: true` to use them.", "flow-variant")


def old_keys(flow: Node) -> Iterator[Diagnostic]:
    """Keys of early versions of prompt flow that are ignored now, or have a new name."""
    for found in definitions(flow):
        if dig(found.node, "skip") is not None:
            message = f"`{found.path}.skip` has no effect any more"
            yield warning_at(mark_of(found.node, "skip"), message, "Use `activate`.", "ignored-key")
        if dig(found.node, "reduce") is not None:
            message = f"`{found.path}.reduce` is the old name of `aggregation`"
            yield note_at(mark_of(found.node, "reduce"), message, "Rename it.", "deprecated")


RULES = (kinds, sources, models, variants, old_keys)
