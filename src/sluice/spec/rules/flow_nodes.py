"""The nodes of a flow, as the rules see them: every definition, those in variants included, and what it refers to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sluice.errors import Mark
from sluice.spec.findings import nearest
from sluice.spec.nodes import ListNode, MapNode, Node, ScalarNode, dig, items, text
from sluice.spec.values import as_text

_FLOW_PREFIXES = ("inputs.", "flow.")


@dataclass(frozen=True)
class Definition:
    """What a node does: the node itself, or one of its variants; `path` is its dotted place in the file."""

    name: str
    path: str
    node: MapNode
    default: bool = True

    @property
    def aggregation(self) -> bool:
        """Whether it runs once over all lines. `reduce` is the old name."""
        return is_true(self.node, "aggregation") or is_true(self.node, "reduce")


@dataclass(frozen=True)
class Reference:
    """`${inputs.<name>}` or `${<name>.<section>.<property>}`, where it stands, and what it stands for."""

    at: Mark
    path: str
    written: str
    kind: Literal["input", "node"]
    name: str
    section: str = "output"


def is_true(node: Node | None, *path: str) -> bool:
    """Tell whether `true` stands at `path`."""
    found = dig(node, *path)
    return isinstance(found, ScalarNode) and found.value is True


def misspelled(flow: Node, key: str) -> bool:
    """Tell whether the flow lacks `key` but has one that is probably meant to be it."""
    known = ("inputs", "outputs", "nodes", "node_variants")
    entries = flow.entries if isinstance(flow, MapNode) else {}
    return key not in entries and any(nearest(other, known) == key for other in entries.keys() - set(known))


def listed_nodes(flow: Node) -> Iterator[tuple[str, MapNode]]:
    """Yield place and node of each entry of `nodes` that is a mapping."""
    listed = dig(flow, "nodes")
    for index, node in enumerate(listed.items if isinstance(listed, ListNode) else ()):
        if isinstance(node, MapNode):
            yield f"nodes[{index}]", node


def definitions(flow: Node) -> tuple[Definition, ...]:
    """Return what each node of the flow does; a node with variants has a definition for each of them."""
    return tuple(found for path, node in listed_nodes(flow) for found in _definitions(flow, path, node))


def _definitions(flow: Node, path: str, node: MapNode) -> Iterator[Definition]:
    name = text(node, "name") or ""
    variants = list(variant_nodes(flow, name)) if is_true(node, "use_variants") else []
    if not variants:
        yield Definition(name, path, node)
        return
    chosen = as_text(dig(flow, "node_variants", name, "default_variant_id"))
    chosen = chosen if chosen in dict(variants) else variants[0][0]
    for key, variant in variants:
        yield Definition(name, f"node_variants.{name}.variants.{key}.node", variant, key == chosen)


def variant_nodes(flow: Node, name: str) -> Iterator[tuple[str, MapNode]]:
    """Yield id and definition of each variant of the node `name`."""
    for key, entry in items(flow, "node_variants", name, "variants"):
        found = dig(entry.node, "node")
        if isinstance(found, MapNode):
            yield key, found


def reference(written: str | None, at: Mark, path: str) -> Reference | None:
    """Return what a value refers to, as prompt flow's executor reads it; None for a literal."""
    if not written or not (written.startswith("${") and written.endswith("}") and len(written) > 2):
        return None
    inner = written[2:-1]
    for prefix in _FLOW_PREFIXES:
        if inner.startswith(prefix):
            return Reference(at, path, written, "input", inner.removeprefix(prefix))
    name, _, rest = inner.partition(".")
    return Reference(at, path, written, "node", name, rest.partition(".")[0] if rest else "output")


def values(found: Definition) -> Iterator[tuple[str, Node]]:
    """Yield place and node of each value that may be a reference: the inputs, and what activation compares."""
    for key, entry in items(found.node, "inputs"):
        yield f"{found.path}.inputs.{key}", entry.node
    compared = dig(found.node, "activate", "when")
    if compared is not None:
        yield f"{found.path}.activate.when", compared


def references(found: Definition) -> Iterator[Reference]:
    """Yield what the definition refers to."""
    for path, node in values(found):
        if one := reference(text(node), node.at, path):
            yield one


def output_references(flow: Node) -> Iterator[Reference]:
    """Yield what the flow's outputs refer to."""
    for key, entry in items(flow, "outputs"):
        node = dig(entry.node, "reference")
        if node and (one := reference(text(node), node.at, f"outputs.{key}.reference")):
            yield one
