"""A YAML file as a tree whose every value knows its file, line and column.

Values are read as PyYAML's `safe_load` reads them (YAML 1.1), because Azure's own loader does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from types import MappingProxyType
from typing import NamedTuple

from sluice.errors import Mark

Plain = None | bool | int | float | str | date | bytes


class ScalarNode(NamedTuple):
    """One value: `written` is its text in the file, `value` what YAML makes of it."""

    at: Mark
    value: Plain
    written: str


class ListNode(NamedTuple):
    """A sequence."""

    at: Mark
    items: tuple[Node, ...]


class Entry(NamedTuple):
    """A value and where its key stands. `key_becomes` is what the key turns into where YAML reads it as no string."""

    key_at: Mark
    node: Node
    key_becomes: str | None = None


class MapNode(NamedTuple):  # noqa: PLW1641 - its entries have no hash, so neither has it
    """A mapping in the order of its file. A key that YAML reads as no string keeps the text it was written in.

    `whole`: it lies on a value that is no mapping, so it takes the place of what lies below that as well.
    """

    at: Mark
    entries: Mapping[str, Entry]
    whole: bool = False

    def __eq__(self, other: object) -> bool:
        """Compare what the mapping says; `whole` is only about where it lies."""
        return isinstance(other, MapNode) and (self.at, self.entries) == (other.at, other.entries)

    def __ne__(self, other: object) -> bool:
        """Compare as `==` does: a tuple would compare `whole` too."""
        return not self == other

    def get(self, key: str) -> Node | None:
        """Return the value of `key`, or None where the key is missing."""
        entry = self.entries.get(key)
        return entry.node if entry else None


Node = ScalarNode | ListNode | MapNode

Step = str | int


def map_node(at: Mark, entries: Mapping[str, Entry], *, whole: bool = False) -> MapNode:
    """Return a mapping node over a read-only view of `entries`."""
    return MapNode(at, MappingProxyType(entries), whole)


def dig(node: Node | None, *path: Step) -> Node | None:
    """Return the node at `path`, or None where the path leads nowhere."""
    for step in path:
        if isinstance(node, MapNode) and isinstance(step, str):
            node = node.get(step)
        elif isinstance(node, ListNode) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
        else:
            return None
    return node


def text(node: Node | None, *path: Step) -> str | None:
    """Return the string at `path`, or None where there is none or something else stands there."""
    found = dig(node, *path)
    return found.value if isinstance(found, ScalarNode) and isinstance(found.value, str) else None


def whole(node: Node | None, *path: Step) -> int | None:
    """Return the integer at `path` (3.0 counts as 3), or None where there is none."""
    found = dig(node, *path)
    if not isinstance(found, ScalarNode) or isinstance(found.value, bool):
        return None
    if isinstance(found.value, float) and found.value.is_integer():
        return int(found.value)
    return found.value if isinstance(found.value, int) else None


def mark_of(node: Node, *path: Step) -> Mark:
    """Return where the key (or list item) at `path` stands; where it is missing, its nearest parent that exists."""
    at = node.at
    current: Node | None = node
    for step in path:
        entry = current.entries.get(step) if isinstance(current, MapNode) and isinstance(step, str) else None
        following = entry.node if entry else dig(current, step)
        if following is None:
            return at
        at, current = entry.key_at if entry else following.at, following
    return at


def items(node: Node | None, *path: Step) -> Iterator[tuple[str, Entry]]:
    """Yield key and entry of the mapping at `path`; nothing where there is no mapping."""
    found = dig(node, *path)
    if isinstance(found, MapNode):
        yield from found.entries.items()


Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


def to_json(node: Node) -> Json:
    """Return `node` as JSON values. What JSON lacks (dates, binary, nan) becomes null: no key of ours takes it."""
    if isinstance(node, MapNode):
        return {key: to_json(entry.node) for key, entry in node.entries.items()}
    if isinstance(node, ListNode):
        return [to_json(item) for item in node.items]
    if isinstance(node.value, float):
        return node.value if abs(node.value) < float("inf") else None
    return None if isinstance(node.value, date | bytes) else node.value
