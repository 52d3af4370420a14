"""Values of a node as a model takes them: texts, flags, defaults, what may be secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from sluice.spec.frozen import frozen_map
from sluice.spec.nodes import ListNode, Node, ScalarNode, dig, items
from sluice.spec.open_secrets import secret_address, secret_header
from sluice.spec.references import secret_or_literal, secret_reference
from sluice.spec.terms import Value
from sluice.spec.values import as_text

T = TypeVar("T")


def address(node: Node, *path: str) -> Value:
    """Return the address at `path`: a reference, a literal secret where it looks like one, else text."""
    found = dig(node, *path)
    written = as_text(found)
    at = (found or node).at
    return secret_or_literal(written, at) if secret_address(written) else secret_reference(written, at) or written


def headers(node: Node, *path: str) -> Mapping[str, Value]:
    """Return the headers at `path`: each a reference, a literal secret where its name says so, else text."""
    return frozen_map({name: _header(name, entry.node) for name, entry in items(node, *path)})


def _header(name: str, node: Node) -> Value:
    written = as_text(node)
    if secret_header(name):
        return secret_or_literal(written, node.at)
    return secret_reference(written, node.at) or written


def texts(node: Node, *path: str) -> tuple[str, ...]:
    """Return the items of the list at `path` as text."""
    return tuple(as_text(item) for item in listed(node, *path))


def listed(node: Node, *path: str) -> tuple[Node, ...]:
    """Return the items of the list at `path`; none where there is no list."""
    found = dig(node, *path)
    return found.items if isinstance(found, ListNode) else ()


def flag(node: Node, key: str, *, default: bool = False) -> bool:
    """Return whether the value of `key` is true."""
    found = dig(node, key)
    return found.value is True if isinstance(found, ScalarNode) else default


def default(found: T | None, otherwise: T) -> T:
    """Return what was found, or where that is nothing, `otherwise`."""
    return otherwise if found is None else found
