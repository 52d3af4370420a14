"""How long a request may take: over 180 s, a managed deployment has to serve a model that says it is a flow.

Source: the deploy document, "upstream request timeout", and the managed online deployment reference.
"""

from __future__ import annotations

from collections.abc import Iterator

from sluice.errors import Mark
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import error_at, warning_at
from sluice.spec.nodes import MapNode, Node, dig, items, mark_of, text, whole

FLOW_PROPERTY = "azureml.promptflow.source_flow_id"
MANAGED_TIMEOUT_MS = 180_000
FLOW_TIMEOUT_MS = 300_000  # over it is an error for all: the schema says so

_REMEDY = f"If it is a flow, give it the property `{FLOW_PROPERTY}`; else ask for {MANAGED_TIMEOUT_MS} or less."


def too_long(asked: int, at: Mark, *, known: bool) -> Diagnostic:
    """Return what is said of a time limit that only flows may have; `known`: the model can be seen and is none."""
    limit = f"`request_settings.request_timeout_ms` is {asked}; Azure allows {MANAGED_TIMEOUT_MS}"
    if known:
        message = f"{limit} unless the model says that it is a flow, and it lacks `{FLOW_PROPERTY}`"
        return error_at(at, message, _REMEDY, "timeout")
    message = f"{limit}, and {FLOW_TIMEOUT_MS} only where the model is a flow"
    return warning_at(at, message, _REMEDY, "timeout")


def inline_model(node: Node) -> Iterator[Diagnostic]:
    """A model written inside its deployment says itself that it is a flow."""
    asked = long_timeout(node)
    if (
        asked
        and isinstance(dig(node, "model"), MapNode)
        and FLOW_PROPERTY not in dict(items(node, "model", "properties"))
    ):
        yield too_long(asked, timeout_mark(node), known=True)


def unseen_model(node: Node) -> Iterator[Diagnostic]:
    """Of a deployment's file alone, nothing is known of a model that it refers to."""
    asked = long_timeout(node)
    if asked and not isinstance(dig(node, "model"), MapNode):
        yield too_long(asked, timeout_mark(node), known=False)


def long_timeout(node: Node) -> int | None:
    """Return the time limit of a managed deployment in milliseconds where only flows may have it."""
    asked = whole(node, "request_settings", "request_timeout_ms")
    managed = text(node, "type") != "kubernetes"
    return asked if managed and asked and MANAGED_TIMEOUT_MS < asked <= FLOW_TIMEOUT_MS else None


def timeout_mark(node: Node) -> Mark:
    """Return where the time limit stands."""
    return mark_of(node, "request_settings", "request_timeout_ms")
