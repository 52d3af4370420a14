"""Rules of a flow's inputs, outputs and plain values, for flows of both forms.

Source of the rules: prompt flow 1.18's contracts (the types of values and how defaults are read) and its check of a
flow that is chatted with.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping

from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import describe, error_at, warning_at
from sluice.spec.nodes import Entry, ListNode, MapNode, Node, ScalarNode, dig, items, mark_of, text, to_json, whole
from sluice.spec.rules.flow_nodes import definitions, is_true, misspelled

_SECTIONS = (
    "inputs", "outputs", "init", "node_variants", "environment", "environment_variables", "additional_includes", "tags",
)  # fmt: skip


_SECRET = re.compile(r"key|secret|password|token", re.IGNORECASE)
_NO_LISTS = frozenset({"string", "int", "double", "bool", "object"})


def empty_sections(flow: Node) -> Iterator[Diagnostic]:
    """A section without content is nothing (null): the executor takes it, prompt flow's own validation does not."""
    for key in _SECTIONS:
        found = dig(flow, key)
        if isinstance(found, ScalarNode) and found.value is None:
            message = f"`{key}` is empty (null), which `pf flow validate` refuses"
            remedy = f"Write `{key}: {'[]' if key == 'additional_includes' else '{}'}`, or remove the key."
            yield warning_at(mark_of(flow, key), message, remedy, "empty-section")


def exact_words(flow: Node) -> Iterator[Diagnostic]:
    """Prompt flow compares its words letter by letter: `String` is no type, `Python` no language."""
    for path, node in _words(flow):
        if isinstance(node, ScalarNode) and isinstance(node.value, str) and node.value != node.written:
            message = f"`{path}` must be written as `{node.value}`, found `{node.written}`"
            yield error_at(node.at, message, "Upper and lower case count here.", "enum")


def _words(flow: Node) -> Iterator[tuple[str, Node | None]]:
    for key in ("type", "language", "message_format"):
        yield key, dig(flow, key)
    for section in ("inputs", "outputs"):
        for key, entry in items(flow, section):
            yield f"{section}.{key}.type", dig(entry.node, "type")
    for found in definitions(flow):
        yield f"{found.path}.type", dig(found.node, "type")
        yield f"{found.path}.source.type", dig(found.node, "source", "type")


def defaults(flow: Node) -> Iterator[Diagnostic]:
    """A default can be read as the type that is declared."""
    for section in ("inputs", "init"):
        for key, entry in items(flow, section):
            kind, found = text(entry.node, "type") or "", dig(entry.node, "default")
            reads = _READERS.get(kind)
            if found is None or reads is None or (isinstance(found, ScalarNode) and found.value is None):
                continue
            if not reads(found):
                message = (
                    f"`{section}.{key}.default` can't be read as {kind}, found {describe(found, secret=_secret(key))}"
                )
                yield warning_at(found.at, message, "Correct the default or the type.", "default-type")


def _secret(name: str) -> bool:
    """Tell whether an input's name says that its value is nobody's business."""
    return bool(_SECRET.search(name))


def _string(node: Node) -> bool:
    return isinstance(node, ScalarNode)


def _whole(node: Node) -> bool:
    return whole(node) is not None or _reads(int, node)


def _number(node: Node) -> bool:
    return _reads(float, node)


def _reads(kind: Callable[[str], object], node: Node) -> bool:
    if not isinstance(node, ScalarNode) or isinstance(node.value, bool):
        return False
    try:
        kind(node.written)
    except (ValueError, OverflowError):
        return False
    return True


def _boolean(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.written.lower() in {"true", "false"}


def _list(node: Node) -> bool:
    if not isinstance(node, ScalarNode):
        return isinstance(node, ListNode)
    try:
        return isinstance(node.value, str) and isinstance(json.loads(node.value), list)
    except (ValueError, RecursionError):
        return False


_READERS: Mapping[str, Callable[[Node], bool]] = {
    "string": _string,
    "int": _whole,
    "double": _number,
    "bool": _boolean,
    "list": _list,
}


def chat(flow: Node) -> Iterator[Diagnostic]:
    """A chat flow has one message, one answer and at most one history, which is a list."""
    if any(misspelled(flow, key) for key in ("inputs", "outputs")):
        return
    inputs, outputs = _marked(flow, "inputs", "is_chat_input"), _marked(flow, "outputs", "is_chat_output")
    histories = _marked(flow, "inputs", "is_chat_history")
    for flag, found in (("is_chat_input", inputs), ("is_chat_output", outputs), ("is_chat_history", histories)):
        for key, entry in list(found.items())[1:]:
            message = f"`{flag}` is true for `{key}` and for `{next(iter(found))}`: a chat has one"
            yield warning_at(mark_of(entry.node, flag), message, "Keep one of them.", "chat-flow")
    yield from _missing_ends(flow, bool(inputs), bool(outputs))
    for key, entry in histories.items():
        kind = text(entry.node, "type")
        if kind in _NO_LISTS:
            message = f"`inputs.{key}` is the chat history, which is a list; its type is {kind}"
            yield warning_at(mark_of(entry.node, "type"), message, "Write `type: list`.", "chat-flow")


def _marked(flow: Node, section: str, flag: str) -> dict[str, Entry]:
    return {key: entry for key, entry in items(flow, section) if is_true(entry.node, flag)}


def _missing_ends(flow: Node, has_input: bool, has_output: bool) -> Iterator[Diagnostic]:
    declared = text(flow, "type") == "chat"
    for present, section, flag, other in (
        (has_input, "inputs", "is_chat_input", has_output and "an output has `is_chat_output: true`"),
        (has_output, "outputs", "is_chat_output", has_input and "an input has `is_chat_input: true`"),
    ):
        why = "`type` is chat" if declared else other
        if why and not present:
            at = mark_of(flow, section) if dig(flow, section) else mark_of(flow, "type")
            message = f"{why}, but none of the flow's {section} has `{flag}: true`"
            yield warning_at(at, message, f"Add it to one of the {section}.", "chat-flow")


def outputs(flow: Node) -> Iterator[Diagnostic]:
    """Each output of a graph comes from somewhere."""
    for key, entry in items(flow, "outputs"):
        if not isinstance(entry.node, MapNode) or _has_other_key(entry.node):
            continue
        found = dig(entry.node, "reference")
        if found is None or to_json(found) == "":
            at = mark_of(entry.node, "reference") if found else entry.key_at
            message = f"`outputs.{key}.reference` is {'empty' if found else 'missing'}"
            yield error_at(at, message, "Write `${<node>.output}`.", "required")
        elif (written := text(found)) and not written.startswith("${"):
            message = f"`outputs.{key}.reference` is no reference: the output is always `{written}`"
            yield warning_at(found.at, message, "Write `${<node>.output}`.", "flow-literal")


def _has_other_key(node: MapNode) -> bool:
    known = {"type", "description", "reference", "is_chat_output", "evaluation_only"}
    return bool(node.entries.keys() - known)


RULES = (empty_sections, exact_words, defaults, chat)
DAG_RULES = (*RULES, outputs)
