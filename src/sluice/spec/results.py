"""What validation says of a file, in the form that every output (text, JSON, SARIF, annotations) is made from."""

from __future__ import annotations

from dataclasses import dataclass

from sluice.errors import Mark
from sluice.spec.models import Diagnostic, Severity
from sluice.spec.nodes import ListNode, MapNode, Node, Step


@dataclass(frozen=True)
class Finding:
    """A diagnostic with the dotted key it is about; the key is empty where it is about the whole file."""

    diagnostic: Diagnostic
    key: str = ""

    @property
    def severity(self) -> Severity:
        """How grave it is."""
        return self.diagnostic.severity


@dataclass(frozen=True)
class FileResult:
    """A validated file: `kind` is None where it could not be told, or is not one of ours."""

    path: str
    kind: str | None
    findings: tuple[Finding, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the file has no error."""
        return not any(finding.severity == "error" for finding in self.findings)


def key_at(node: Node | None, mark: Mark) -> tuple[Step, ...]:
    """Return the path of the key or value that stands at `mark` in `node`; empty where nothing does."""
    if isinstance(node, MapNode):
        for key, entry in node.entries.items():
            if mark in {entry.key_at, entry.node.at}:
                return (key,)
            if below := key_at(entry.node, mark):
                return (key, *below)
    if isinstance(node, ListNode):
        for index, item in enumerate(node.items):
            if item.at == mark:
                return (index,)
            if below := key_at(item, mark):
                return (index, *below)
    return ()
