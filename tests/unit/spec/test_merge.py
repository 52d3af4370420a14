from __future__ import annotations

from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import Mark
from sluice.spec.merge import merged
from sluice.spec.nodes import MapNode, Node, dig, mark_of, to_json
from sluice.spec.parse import parse_documents

VALUES = st.integers() | st.lists(st.integers(), max_size=2)
KEYS = st.sampled_from("abc")
MAPS = st.dictionaries(KEYS, st.recursive(VALUES, lambda inner: st.dictionaries(KEYS, inner), max_leaves=6))


def node(tree: Any, name: str) -> Node:
    return parse_documents(yaml.safe_dump(tree), name)[0]


def merged_plain(base: Any, overlay: Any) -> Any:
    if not isinstance(base, dict) or not isinstance(overlay, dict):
        return overlay
    return base | {key: merged_plain(base[key], value) if key in base else value for key, value in overlay.items()}


def leaves(found: Node) -> list[Node]:
    if isinstance(found, MapNode):
        return [leaf for entry in found.entries.values() for leaf in leaves(entry.node)]
    return [found]


@given(MAPS, MAPS)
def test_key_by_key_and_lists_replaced(base: Any, overlay: Any) -> None:
    found = merged(node(base, "base"), node(overlay, "overlay"))

    assert to_json(found) == merged_plain(base, overlay)


@given(MAPS, MAPS)
def test_every_value_keeps_the_mark_of_its_file(base: Any, overlay: Any) -> None:
    first, second = node(base, "base"), node(overlay, "overlay")
    known = {(leaf.at, str(to_json(leaf))) for leaf in [*leaves(first), *leaves(second)]}

    assert {(leaf.at, str(to_json(leaf))) for leaf in leaves(merged(first, second))} <= known


@given(MAPS, MAPS)
def test_twice_is_once(base: Any, overlay: Any) -> None:
    once = merged(node(base, "base"), node(overlay, "overlay"))

    assert merged(once, node(overlay, "overlay")) == once


@given(MAPS, MAPS, MAPS)
def test_overlays_are_associative(base: Any, first: Any, second: Any) -> None:
    below, middle, top = node(base, "base"), node(first, "first"), node(second, "second")

    assert to_json(merged(merged(below, middle), top)) == to_json(merged(below, merged(middle, top)))


@given(MAPS)
def test_nothing_on_top_changes_nothing(base: Any) -> None:
    found = node(base, "base")

    assert merged(found, node({}, "overlay")) == found
    assert merged(found, found) == found


def test_marks_say_which_file() -> None:
    base = parse_documents("a:\n  b: 1\n  c: 2\n", "base.yaml")[0]
    overlay = parse_documents("a: {c: 3}\n", "overlay.yaml")[0]

    found = merged(base, overlay)

    assert mark_of(found, "a", "b") == Mark("base.yaml", 2, 3)
    assert (dig(found, "a", "c") or found).at == Mark("overlay.yaml", 1, 8)
