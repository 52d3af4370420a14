"""What validation says of a file, in the form that every output (text, JSON, SARIF, annotations) is made from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from sluice.errors import Mark
from sluice.spec.diagnostics import Diagnostic, Severity
from sluice.spec.findings import dotted, tellable
from sluice.spec.nodes import ListNode, MapNode, Node, Step

_MISSING = re.compile(r"`([^`]+)` is missing")
_QUOTED = re.compile(r"`([^`]+)`")


class Finding(NamedTuple):
    """A diagnostic with the dotted key it is about; the key is empty where it is about the whole file."""

    diagnostic: Diagnostic
    key: str = ""

    @property
    def severity(self) -> Severity:
        """How grave it is."""
        return self.diagnostic.severity


class FileResult(NamedTuple):
    """A validated file: `kind` is None where it could not be told, or is not one of ours."""

    path: str
    kind: str | None
    findings: tuple[Finding, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the file has no error."""
        return not any(finding.severity == "error" for finding in self.findings)


class Spot(NamedTuple):
    """What begins at a place of a file: a value, or a key with its value."""

    path: tuple[Step, ...]
    node: Node


Spots = Mapping[Mark, tuple[Spot, ...]]


def spots(node: Node) -> Spots:
    """Return what begins at each place of `node`, the outer before the inner: a mapping begins with its first key."""
    found: dict[Mark, tuple[Spot, ...]] = {}
    for mark, spot in _walk(node, ()):
        found[mark] = (*found.get(mark, ()), spot)
    return found


def _walk(node: Node, path: tuple[Step, ...]) -> Iterator[tuple[Mark, Spot]]:
    yield node.at, Spot(path, node)
    if isinstance(node, MapNode):
        for key, entry in node.entries.items():
            yield entry.key_at, Spot((*path, key), entry.node)
            yield from _walk(entry.node, (*path, key))
    if isinstance(node, ListNode):
        for index, item in enumerate(node.items):
            yield from _walk(item, (*path, index))


def spot_of(diagnostic: Diagnostic, places: Spots) -> Spot | None:
    """Return what a finding is about: of several things that begin at its place, the one that its message names."""
    begun = places.get(diagnostic.at, ())
    named = set(_QUOTED.findall(diagnostic.message))
    for spot in reversed(begun):
        if spot.path and ({dotted(spot.path), str(spot.path[-1])} & named):
            return spot
    return begun[0] if begun else None


def with_keys(diagnostics: Iterable[Diagnostic], places: Spots) -> tuple[Finding, ...]:
    """Return the findings of one file with the keys they are about, in the order of the file, each once.

    Of two at the same place the one that was found first stays first: the cause before what follows from it.
    """
    ordered = sorted(dict.fromkeys(diagnostics), key=lambda one: one.at)
    return tuple(Finding(one, _key(one, places)) for one in ordered)


def _key(diagnostic: Diagnostic, places: Spots) -> str:
    missing = _MISSING.match(diagnostic.message)
    if missing:
        return missing[1]
    spot = spot_of(diagnostic, places)
    return tellable(dotted(spot.path)) if spot else ""
