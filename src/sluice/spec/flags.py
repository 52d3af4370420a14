"""Names and values given on the command line, laid over what a file says before it is checked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from sluice.errors import Mark, SpecFileError, UsageError
from sluice.spec.kinds import Kind
from sluice.spec.nodes import Entry, ListNode, MapNode, Node, ScalarNode, map_node
from sluice.spec.parse import parse_documents
from sluice.spec.schema import top

_SET = "--set"


class Flags(NamedTuple):
    """What the command line says of every file: its names, and values by dotted key."""

    name: str | None = None
    endpoint_name: str | None = None
    values: tuple[tuple[tuple[str, ...], str], ...] = ()

    @classmethod
    def of(cls, name: str | None, endpoint_name: str | None, assignments: Sequence[str]) -> Flags:
        """Return the flags of a call; `assignments` have the form `key.path=value`. Raises UsageError."""
        return cls(name, endpoint_name, tuple(_assignment(one) for one in assignments))

    def __bool__(self) -> bool:
        return self != Flags()


def _assignment(text: str) -> tuple[tuple[str, ...], str]:
    path, sign, value = text.partition("=")
    steps = tuple(path.strip().replace("[", ".").replace("]", "").split("."))
    if not sign or not all(steps):
        # What was written is not shown: the value may be a secret.
        raise UsageError("--set needs key=value", remedy="For example: --set request_settings.request_timeout_ms=90000")
    _value(value, Mark(_SET))
    return steps, value


def laid_over(node: Node, flags: Flags, kind: Kind | None) -> Node:
    """Return `node` with the flags' values in place of the file's; keys on the way to them are made.

    A name is laid only over a file of a kind that has one; while the kind is not known, over every file. The mark of
    a value from a flag has the flag as its file's name, in the folder of the file: paths are relative to that.

    Raises: UsageError where a key stands below a value that is no mapping.
    """
    if not isinstance(node, MapNode):
        return node
    for key, value, flag in (("name", flags.name, "--name"), ("endpoint_name", flags.endpoint_name, "--endpoint-name")):
        if value is not None and (kind is None or key in top(kind).keys):
            node = _with(node, (key,), _string(value, _mark(node, flag)))
    for path, written in flags.values:
        node = _with(node, path, _value(written, _mark(node, _SET)))
    return node


def flag_of(mark: Mark) -> str | None:
    """Return the flag that a value at `mark` came from, or None for one that stands in a file."""
    name = PurePosixPath(mark.path).name
    return name if name in {"--name", "--endpoint-name", _SET} else None


def _mark(node: Node, flag: str) -> Mark:
    return Mark((PurePosixPath(node.at.path).parent / flag).as_posix())


def _string(value: str, at: Mark) -> Node:
    return ScalarNode(at, value, value)


def _value(written: str, at: Mark) -> Node:
    """Return the value as YAML 1.1 reads it; an empty one is null."""
    try:
        documents = parse_documents(written or "null", at.path)
    except SpecFileError as error:
        raise UsageError(f"--set got a value that YAML can't read: {error.message}", remedy=error.remedy) from None
    return documents[0] if documents else _string("", at)


def _with(node: Node, path: Sequence[str], value: Node) -> Node:
    """Return `node` with `value` at `path`: below a mapping, an item of a list by its number, or in place of null."""
    step, *rest = path
    if isinstance(node, ListNode) and step.isdigit() and int(step) < len(node.items):
        index = int(step)
        item = _with(node.items[index], rest, value) if rest else value
        return ListNode(node.at, (*node.items[:index], item, *node.items[index + 1 :]))
    if isinstance(node, ScalarNode) and node.value is None:
        node = map_node(node.at, {})
    if not isinstance(node, MapNode):
        raise UsageError(f"--set can't set `{step}` of what is no mapping", remedy="Set the whole value instead.")
    under = node.entries.get(step)
    if not rest:
        made = Entry(value.at, value)
    elif under:
        made = Entry(under.key_at, _with(under.node, rest, value))
    else:
        made = Entry(value.at, _with(map_node(value.at, {}), rest, value))
    return map_node(node.at, {**node.entries, step: made})
