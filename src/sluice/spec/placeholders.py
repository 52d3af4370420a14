"""Values that another tool fills in: findings about them are told as such, or not at all.

`{{ x }}`, `${{ x }}`, `${X}`, `$X`, `<x>` and `__X__`. Not secret references (`${config:X}`), nor what prompt flow
itself fills in (`${inputs.x}`).
"""

from __future__ import annotations

import re

from sluice.spec.diagnostics import Diagnostic
from sluice.spec.faults import Fault
from sluice.spec.nodes import ListNode, MapNode, Node, ScalarNode, items, map_node
from sluice.spec.results import Spots, spot_of

_TEMPLATE = re.compile(r"\{\{[^{}\n]*\}\}")
_PLACEHOLDER = re.compile(
    r"\{\{.*?\}\}"
    r"|\$\{[A-Za-z_]\w*(:?[-?+][^}]*)?\}"
    r"|\$[A-Za-z_]\w*"
    r"|<[A-Za-z][^<>\n]{0,80}>"
    r"|__[A-Z][A-Z0-9_]*?__",
    re.ASCII,
)
_ABOUT_ITS_MAPPING = frozenset({"required", "unknown-key"})

# Unicode's private use area: a template's signs move there one by one, so that each keeps its line and column.
_PRIVATE = 0xE000
_HIDDEN = re.compile(f"[{chr(_PRIVATE)}-{chr(_PRIVATE + 0x7F)}]+")
_HIDE = {sign: sign + _PRIVATE for sign in range(0x80)}
_SHOW = {hidden: sign for sign, hidden in _HIDE.items()}


def hidden(content: str) -> str:
    """Return YAML `content` with every `{{ x }}` as one word that means nothing to YAML.

    Without quotes YAML reads it as a mapping in a mapping. Lines and columns stay; `shown` turns it back.
    """
    return _TEMPLATE.sub(lambda found: found[0].translate(_HIDE), content)


def shown(written: str) -> str:
    """Return a text with what `hidden` has hidden as it was written."""
    return _HIDDEN.sub(lambda found: found[0].translate(_SHOW), written)


def restored(node: Node) -> Node:
    """Return the tree of a text that was `hidden`, as it was written."""
    if isinstance(node, MapNode):
        below = {shown(key): entry._replace(node=restored(entry.node)) for key, entry in node.entries.items()}
        return map_node(node.at, below)
    if isinstance(node, ListNode):
        return ListNode(node.at, tuple(map(restored, node.items)))
    value = shown(node.value) if isinstance(node.value, str) else node.value
    return node._replace(value=value, written=shown(node.written))


def about_placeholder(diagnostic: Diagnostic, places: Spots) -> bool:
    """Tell whether a finding is about a value, or a key, that holds a placeholder.

    A mapping holds those directly in it: weights whose sum is not 100 because one of them is to be filled in.
    """
    if diagnostic.code == Fault.PLACEHOLDER:
        return True
    spot = spot_of(diagnostic, places)
    if spot is None or (not spot.path and not isinstance(spot.node, ScalarNode)):
        return False
    key = str(spot.path[-1]) if spot.path else ""
    if key != "$schema" and holds_placeholder(key):
        return True
    return diagnostic.code not in _ABOUT_ITS_MAPPING and _inside(spot.node)


def holds_placeholder(value: str) -> bool:
    """Tell whether a text has a placeholder in it."""
    return bool(_PLACEHOLDER.search(value))


def _inside(node: Node) -> bool:
    if isinstance(node, ListNode):
        return any(_filled_in(item) for item in node.items)
    if isinstance(node, MapNode):
        return any(holds_placeholder(key) or _filled_in(entry.node) for key, entry in items(node))
    return _filled_in(node)


def _filled_in(node: Node) -> bool:
    return isinstance(node, ScalarNode) and isinstance(node.value, str) and holds_placeholder(node.value)


def advised(diagnostic: Diagnostic) -> Diagnostic:
    """Return a finding about a placeholder with the two ways out as its remedy."""
    return diagnostic._replace(remedy="It is a placeholder: fill it in, or pass --allow-placeholders.")
