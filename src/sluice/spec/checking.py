"""One specification checked by itself: its schema, then the rules of its kind."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from sluice.errors import Mark
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.documents import Document
from sluice.spec.findings import error_at, schema_findings
from sluice.spec.kinds import Kind
from sluice.spec.nodes import ListNode, MapNode, Node
from sluice.spec.rules.registry import alone_findings, own_findings
from sluice.spec.schema import Place, normalised, top

# What these miss may only be misspelled.
_ABOUT_MISSING = frozenset({"required", "instance-count", "no-model"})


class Checked(NamedTuple):
    """A document with values read, what is wrong with it, and whether a model can be made of it."""

    document: Document
    diagnostics: tuple[Diagnostic, ...]
    readable: bool


def check_document(document: Document, root: Path, *, alone: bool = True) -> Checked:
    """Return what is wrong with one specification by itself: its schema and the rules of its kind.

    `alone`: no other file is looked at, so the advice that a stack gets with all its files is about this one only.
    """
    place = top(document.kind)
    read = document._replace(node=normalised(document.node, place))
    breaches = _breaches(document.kind, read.node, place)
    own = [one for one in own_findings(read.kind, read.node, root) if not _follows(one, breaches)]
    advised = alone_findings(read.kind, read.node, root) if alone and not breaches else ()
    findings = (*_well_read((*breaches, *own), read.node), *advised)
    if document.overlay and any(finding.severity == "error" for finding in findings):
        message = f"this overlay matches no {document.kind} of its name, and is none by itself"
        findings = (error_at(read.node.at, message, "Check its name.", "overlay"), *findings)
    return Checked(read, findings, not breaches)


def _well_read(findings: Sequence[Diagnostic], node: Node) -> Iterator[Diagnostic]:
    """Yield the findings without those about a number that is read as another one: what it is to be is not known."""
    misread = {finding.at for finding in findings if finding.code == "yaml-number"}
    about = {*misread, *(_keys_of(node, misread) if misread else ())}
    yield from (one for one in findings if one.code == "yaml-number" or one.at not in about)


def _keys_of(node: Node, values: Collection[Mark]) -> Iterator[Mark]:
    """Yield where the keys stand whose values stand at `values`."""
    for entry in node.entries.values() if isinstance(node, MapNode) else ():
        if entry.node.at in values:
            yield entry.key_at
        yield from _keys_of(entry.node, values)
    for item in node.items if isinstance(node, ListNode) else ():
        yield from _keys_of(item, values)


def _breaches(kind: Kind, node: Node, place: Place) -> tuple[Diagnostic, ...]:
    """Return what breaks the schema, in the best words there are."""
    found = schema_findings(kind, node, place)
    if not found:
        return ()
    from sluice.spec.rules.forms import better_told

    return better_told(kind, node, place, found)


def _follows(finding: Diagnostic, breaches: Sequence[Diagnostic]) -> bool:
    """Tell whether a rule's finding only follows from a breach of the schema: it is told once, by its cause."""
    if finding.code in _ABOUT_MISSING:
        return any(breach.code == "unknown-key" for breach in breaches)
    return finding.code == "not-a-string" and any(breach.at == finding.at for breach in breaches)
