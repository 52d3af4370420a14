"""The rule about `$schema`, the same for every kind."""

from __future__ import annotations

from collections.abc import Iterator

from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import describe, warning_at
from sluice.spec.kinds import unknown_address
from sluice.spec.nodes import Node, dig


def known(node: Node) -> Iterator[Diagnostic]:
    """A `$schema` names a kind: Azure ignores a wrong one, but editors then check nothing."""
    found = unknown_address(node)
    written = dig(node, "$schema")
    if found is None or written is None:
        return
    meant = found[1]
    remedy = f"Did you mean `{meant}.schema.json`?" if meant else "Remove it, or name a schema that exists."
    message = f"`$schema` names no known kind, found {describe(written)}"
    yield warning_at(written.at, message, remedy, "schema-address")
