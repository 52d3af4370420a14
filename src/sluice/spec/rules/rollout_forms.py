"""Forms of a rollout that people know from elsewhere, told with ours."""

from __future__ import annotations

from collections.abc import Iterator

from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import dotted, error_at
from sluice.spec.nodes import MapNode, Node, Step, dig, mark_of, text
from sluice.spec.rollout_nodes import step_nodes
from sluice.spec.typed import listed
from sluice.spec.values import as_text


def pause_with_time(node: Node) -> Iterator[Diagnostic]:
    """`pause: {duration: 5m}`, as Argo Rollouts writes what is a hold here."""
    for step in step_nodes(node):
        body = step.node.get("pause")
        for key in body.entries if isinstance(body, MapNode) else ():
            path = step.path("pause", key)
            message = f"`{dotted(path)}`: a pause has no keys, it waits until it is promoted"
            remedy = f"For a time write `hold: {as_text(dig(body, key)) or '5m'}`."
            yield error_at(mark_of(node, *path), message, remedy, "rollout-step")


def commands(node: Node) -> Iterator[Diagnostic]:
    """A command in one line is a list here: no shell reads it."""
    for path in _command_paths(node):
        found, written = dig(node, *path), text(node, *path)
        if found and written:
            shown = ", ".join(f'"{word}"' for word in written.split())
            message = f"`{dotted(path)}` must be a list, found text"
            yield error_at(found.at, message, f"Write `[{shown}]`: no shell reads it.", "type")


def _command_paths(node: Node) -> Iterator[tuple[Step, ...]]:
    yield from (("analysis", index, "command") for index, _ in enumerate(listed(node, "analysis")))
    yield from (("notify", index, "command") for index, _ in enumerate(listed(node, "notify")))
    for step in step_nodes(node):
        yield from (step.path(kind, "command") for kind in ("evaluate", "parity"))
        yield from (step.path("analysis", index, "command") for index, _ in enumerate(listed(step.node, "analysis")))


FORMS = (pause_with_time, commands)
