"""Values that YAML 1.1 reads as something else than they look like, wherever a schema says what they are to be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import describe, dotted, error_at, warning_at
from sluice.spec.kinds import Kind
from sluice.spec.nodes import ListNode, MapNode, Node, ScalarNode, Step
from sluice.spec.schema import Place, at, top
from sluice.spec.values import as_text

_OCTAL = re.compile(r"[-+]?0[0-7_]+")
_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")
_NUMBERS = frozenset({"integer", "number"})

# Prompt flow reads its files as YAML 1.2, which knows true and false only.
_YAML_12_KINDS = frozenset({Kind.FLOW, Kind.FLEX_FLOW, Kind.RUN})
_YAML_12_BOOLEANS = frozenset({"true", "false"})


def turned(kind: Kind, node: Node, told: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
    """Yield a finding for each number in a misleading notation, and for each key and text that YAML 1.1 changes.

    Args:
        kind: of the specification `node`.
        node: with values read as the schema asks for.
        told: findings of other rules; what they say of a place is not said again.
    """
    known = {finding.at for finding in told if finding.code == "not-a-string"}
    place = top(kind)
    for path, scalar in _changed(node):
        for finding in _about(kind, path, scalar, at(place, node, path)):
            if finding.at not in known:
                yield finding
    yield from _keys(node, node, place, ())


def _changed(node: Node, path: tuple[Step, ...] = ()) -> Iterator[tuple[tuple[Step, ...], ScalarNode]]:
    """Yield each value that is no string and whose text differs from the one in the file."""
    if isinstance(node, MapNode):
        for key, entry in node.entries.items():
            yield from _changed(entry.node, (*path, key))
    elif isinstance(node, ListNode):
        for index, item in enumerate(node.items):
            yield from _changed(item, (*path, index))
    elif node.value is not None and not isinstance(node.value, str) and as_text(node) != node.written:
        yield path, node


def _about(kind: Kind, path: tuple[Step, ...], node: ScalarNode, place: Place) -> Iterator[Diagnostic]:
    if _means_text(place):
        yield _no_string(path, node, place)
    elif isinstance(node.value, bool):
        if kind in _YAML_12_KINDS and node.written.lower() not in _YAML_12_BOOLEANS:
            message = f"`{dotted(path)}` is a boolean in YAML 1.1, but text for prompt flow: found `{node.written}`"
            yield warning_at(node.at, message, "Write true or false.", "yaml-boolean")
    elif place.types & _NUMBERS and (notation := _notation(node)):
        message = f"`{dotted(path)}`: YAML 1.1 reads `{node.written}` as {as_text(node)} ({notation})"
        yield error_at(node.at, message, f"Write {as_text(node)} if that is meant.", "yaml-number")


def _means_text(place: Place) -> bool:
    """Tell whether a value becomes text here.

    Where text and booleans alone may stand, a boolean is meant as one; where text has a form beside numbers, such as
    `5m` beside 300, a number is meant as one.
    """
    if "pattern" in place.schema and place.types & _NUMBERS:
        return False
    return "string" in place.types and ("boolean" not in place.types or "number" in place.types)


def _notation(node: ScalarNode) -> str | None:
    """Return the misleading notation of a number; None where there is none, or where it means the same."""
    if _OCTAL.fullmatch(node.written):
        return None if int(node.written.replace("_", "")) == node.value else "octal"
    return "base 60" if _BASE_60.fullmatch(node.written) else None


def _no_string(path: tuple[Step, ...], node: ScalarNode, place: Place) -> Diagnostic:
    if place.secret:
        message = f"`{dotted(path)}` is no string in YAML 1.1, found {describe(node, secret=True)}"
    else:
        message = f"`{dotted(path)}` is no string: YAML 1.1 reads `{node.written}`, and it becomes `{as_text(node)}`"
    return warning_at(node.at, message, "Put the value in quotes.", "not-a-string")


def _keys(node: Node, root: Node, place: Place, path: tuple[Step, ...]) -> Iterator[Diagnostic]:
    """Yield a warning for each key of the user's own choice that becomes another one."""
    if isinstance(node, ListNode):
        for index, item in enumerate(node.items):
            yield from _keys(item, root, place, (*path, index))
    if not isinstance(node, MapNode):
        return
    for key, entry in node.entries.items():
        if entry.key_becomes and at(place, root, path).schema.get("additionalProperties") is not False:
            message = f"the key `{dotted((*path, key))}` is no string: YAML 1.1 makes `{entry.key_becomes}` of it"
            yield warning_at(entry.key_at, message, "Put the key in quotes.", "key-not-a-string")
        yield from _keys(entry.node, root, place, (*path, key))
