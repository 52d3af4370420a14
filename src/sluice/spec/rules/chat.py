"""A chat flow's properties on its model, which Azure's studio reads to test it: they name what the flow has.

Source: the deploy document, "register the flow as a model".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from sluice.errors import Mark, SpecError
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import error_at, nearest, warning_at
from sluice.spec.nodes import MapNode, Node, dig, items, mark_of, text
from sluice.spec.parse import read_node
from sluice.spec.values import as_text, local_path

MODE = "azureml.promptflow.mode"
CHAT_INPUT = "azureml.promptflow.chat_input"
CHAT_OUTPUT = "azureml.promptflow.chat_output"
_GROUPS = ((CHAT_INPUT, "inputs"), (CHAT_OUTPUT, "outputs"))


def of_model(node: Node, root: Path) -> Iterator[Diagnostic]:
    """A model in a file of its own."""
    yield from _complete(node)
    yield from _names(node, root)


def of_inline_model(node: Node, root: Path) -> Iterator[Diagnostic]:
    """A model written inside its deployment."""
    found = dig(node, "model")
    if isinstance(found, MapNode):
        yield from of_model(found, root)


def _complete(node: Node) -> Iterator[Diagnostic]:
    """Mode chat goes with an input and an output."""
    given = dict(items(node, "properties"))
    if as_text(dig(node, "properties", MODE)) != "chat":
        return
    missing = [key for key, _ in _GROUPS if key not in given]
    if missing:
        message = f"`{MODE}` is chat, but {' and '.join(f'`{key}`' for key in missing)} {_are(missing)} missing"
        remedy = "Name the flow's input that takes the question and its output that gives the answer."
        yield warning_at(mark_of(node, "properties", MODE), message, remedy, "chat-properties")


def _are(names: Sequence[str]) -> str:
    return "are" if len(names) > 1 else "is"


def _names(node: Node, root: Path) -> Iterator[Diagnostic]:
    """Input and output exist in the flow. A flow that can't be read has findings of its own."""
    named = [(key, group, name) for key, group in _GROUPS if (name := text(node, "properties", key))]
    folder = local_path(node, root, "path")
    from sluice.spec.flow import flow_file

    file = flow_file(folder) if named and folder else None
    if file is None:
        return
    try:
        flow = read_node(file, root)
    except SpecError:
        return
    for key, group, name in named:
        known = [found for found, _ in items(flow, group)]
        if known and name not in known:
            yield _unknown(key, group, name, known, mark_of(node, "properties", key))


def _unknown(key: str, group: str, name: str, known: Sequence[str], at: Mark) -> Diagnostic:
    meant = nearest(name, known)
    remedy = f"Did you mean `{meant}`?" if meant else f"The flow's {group}: {', '.join(known)}."
    return error_at(at, f"`{key}` is `{name}`, which is none of the flow's {group}", remedy, "chat-properties")
