"""From YAML text to nodes: duplicate keys, cycles and alias bombs are errors, and every error has its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import yaml

from sluice.errors import Mark, SpecFileError
from sluice.spec.nodes import Entry, ListNode, MapNode, Node, Plain, ScalarNode, map_node

Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

MAX_DEPTH = 100
MAX_NODES = 200_000
MAX_BYTES = 8 * 1024 * 1024


def display_path(path: Path, root: Path) -> str:
    """Return `path` as messages show it: relative to `root` where it lies below, with forward slashes."""
    try:
        return path.absolute().relative_to(root.absolute()).as_posix()
    except ValueError:
        return path.as_posix()


def read_documents(path: Path, root: Path) -> tuple[Node, ...]:
    """Return the documents of the YAML file `path`.

    Raises:
        SpecFileError: the file is missing, unreadable or not YAML; `at` says where.
    """
    shown = display_path(path, root)
    return parse_documents(read_text(path, shown), shown)


def read_node(path: Path, root: Path) -> Node:
    """Return the only document of the YAML file `path`.

    Raises:
        SpecFileError: as `read_documents`, and for an empty file or a second document.
    """
    return single(read_documents(path, root), Mark(display_path(path, root)))


def single(documents: tuple[Node, ...], at: Mark) -> Node:
    """Return the only one of `documents`; `at` is where an empty file is reported."""
    if not documents:
        raise SpecFileError("the file is empty", remedy="Write its content, or remove the file.", at=at)
    if len(documents) > 1:
        raise SpecFileError(
            f"a specification file holds one document, found {len(documents)}",
            remedy="Put each document (after `---`) into a file of its own.",
            at=documents[1].at,
        )
    return documents[0]


def read_text(path: Path, shown: str) -> str:
    """Return the text of `path` (UTF-8, or UTF-16 with its mark); `shown` names it in errors."""
    at = Mark(shown)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise SpecFileError("the file does not exist", at=at) from None
    except OSError as error:
        raise SpecFileError(f"the file can't be read: {error.strerror}", at=at) from error
    if len(data) > MAX_BYTES:
        raise SpecFileError(f"the file has {len(data)} bytes, a specification has at most {MAX_BYTES}", at=at)
    try:
        return data.decode("utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SpecFileError("the file is not UTF-8", remedy="Save it as UTF-8.", at=Mark(shown, line)) from error


def parse_documents(content: str, shown: str) -> tuple[Node, ...]:
    """Return the documents of YAML `content`; `shown` is the file's name in marks.

    Raises:
        SpecFileError: the text is not YAML, or holds a duplicate key, a cycle or an alias bomb.
    """
    try:
        return _Composer(content, shown).documents()
    except yaml.reader.ReaderError as error:
        line, column = _line_column(content, error.position)
        message = "the file holds a control character"
        raise SpecFileError(message, remedy="Remove it.", at=Mark(shown, line, column)) from error
    except yaml.MarkedYAMLError as error:
        _refuse(error, content, shown)


def _line_column(content: str, position: int) -> tuple[int, int]:
    before = content[:position]
    return before.count("\n") + 1, position - before.rfind("\n")


def _refuse(error: yaml.MarkedYAMLError, content: str, shown: str) -> NoReturn:
    mark = error.problem_mark or error.context_mark
    at = Mark(shown, mark.line + 1, mark.column + 1) if mark else Mark(shown)
    problem = error.problem or error.context or "syntax error"
    message = f"broken YAML: {problem}" + (f", {error.context}" if error.context and error.problem else "")
    raise SpecFileError(message, remedy=_syntax_remedy(content, at), at=at) from error


def _syntax_remedy(content: str, at: Mark) -> str:
    lines = content.splitlines()
    line = lines[at.line - 1] if at.line <= len(lines) else ""
    found = line[at.column - 1 : at.column]
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "Indent with blanks: YAML takes no tabs there."
    if found and found in "@`%":
        return f"Put a value that begins with `{found}` in quotes."
    if found == ":":
        return "Put a value that holds a colon and a blank in quotes, or check the indentation."
    return "Check indentation, quotes and brackets here and in the line above."


class _Composer:
    """One pass over the parser's events. Own instead of PyYAML's: that one overflows the stack on deep nesting."""

    def __init__(self, content: str, shown: str) -> None:
        self._loader = Loader(content)
        self._shown = shown
        self._anchors: dict[str, tuple[Node, int] | None] = {}

    def documents(self) -> tuple[Node, ...]:
        found: list[Node] = []
        self._loader.get_event()
        while not self._loader.check_event(yaml.StreamEndEvent):
            self._loader.get_event()
            self._anchors = {}
            found.append(self._node(1)[0])
            self._loader.get_event()
        return tuple(found)

    def _mark(self, event: Any) -> Mark:
        return Mark(self._shown, event.start_mark.line + 1, event.start_mark.column + 1)

    def _node(self, depth: int) -> tuple[Node, int]:
        """Return the next node and its size with aliases written out."""
        event: Any = self._loader.get_event()
        at = self._mark(event)
        if depth > MAX_DEPTH:
            raise SpecFileError(f"nested more than {MAX_DEPTH} levels deep", at=at)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event.anchor or "", at)
        if event.anchor:
            self._anchors[event.anchor] = None
        made = self._make(event, at, depth)
        if made[1] > MAX_NODES:
            raise SpecFileError(f"aliases make more than {MAX_NODES} values", remedy="Write less by alias.", at=at)
        if event.anchor:
            self._anchors[event.anchor] = made
        return made

    def _make(self, event: Any, at: Mark, depth: int) -> tuple[Node, int]:
        if isinstance(event, yaml.ScalarEvent):
            return ScalarNode(at, self._value(event, at), event.value), 1
        self._check_tag(event, at)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(at, depth)
        return self._map(at, depth)

    def _alias(self, anchor: str, at: Mark) -> tuple[Node, int]:
        if anchor not in self._anchors:
            remedy = "Put a value that begins with `*` in quotes."
            raise SpecFileError("an alias (`*…`) has no anchor (`&…`) before it", remedy=remedy, at=at)
        found = self._anchors[anchor]
        if found is None:
            raise SpecFileError("an alias (`*…`) stands inside what it names", remedy="Break the cycle.", at=at)
        return found

    def _check_tag(self, event: Any, at: Mark) -> None:
        if event.tag and event.tag not in {"!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}:
            raise _unknown_tag(at)

    def _value(self, event: Any, at: Mark) -> Plain:
        tag = event.tag if event.tag and event.tag != "!" else None
        tag = tag or self._loader.resolve(yaml.ScalarNode, event.value, event.implicit)
        try:
            value: Plain = self._loader.construct_object(yaml.ScalarNode(tag, event.value))
        except yaml.constructor.ConstructorError:
            raise _unknown_tag(at) from None
        except (ValueError, OverflowError, KeyError, IndexError) as error:
            kind = tag.rpartition(":")[2]
            raise SpecFileError(
                f"the value looks like a YAML {kind} but is none", remedy="Put it in quotes.", at=at
            ) from error
        return value

    def _list(self, at: Mark, depth: int) -> tuple[Node, int]:
        made: list[Node] = []
        size = 1
        while not self._loader.check_event(yaml.SequenceEndEvent):
            node, count = self._node(depth + 1)
            made.append(node)
            size += count
        self._loader.get_event()
        return ListNode(at, tuple(made)), size

    def _map(self, at: Mark, depth: int) -> tuple[Node, int]:
        entries: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        size = 1
        while not self._loader.check_event(yaml.MappingEndEvent):
            key, key_at, merges = self._key()
            node, count = self._node(depth + 1)
            size += count
            if merges:
                merged |= {name: entry for name, entry in _merge_sources(node).items() if name not in merged}
                continue
            if key in entries:
                raise _duplicate(key, entries[key].key_at, key_at)
            entries[key] = Entry(key_at, node)
        self._loader.get_event()
        return map_node(at, entries | {key: entry for key, entry in merged.items() if key not in entries}), size

    def _key(self) -> tuple[str, Mark, bool]:
        """Return the next key's text, its place, and whether it is the merge key `<<`."""
        event: Any = self._loader.get_event()
        at = self._mark(event)
        if isinstance(event, yaml.AliasEvent):
            node, _ = self._alias(event.anchor or "", at)
            if isinstance(node, ScalarNode):
                return node.written, at, False
        if not isinstance(event, yaml.ScalarEvent):
            remedy = "A placeholder such as {{NAME}} must be filled in, or stand in quotes."
            raise SpecFileError("a key is a string, found a list or a mapping", remedy=remedy, at=at)
        if event.anchor:
            self._anchors[event.anchor] = ScalarNode(at, self._value(event, at), event.value), 1
        merges = event.value == "<<" and event.implicit[0] and not event.tag
        return event.value, at, merges


def _unknown_tag(at: Mark) -> SpecFileError:
    # The tag itself is not shown: a secret that begins with `!` and lacks quotes looks like one.
    remedy = "Specifications have no tags (`!…`): put a value that begins with `!` in quotes."
    return SpecFileError("unknown YAML tag", remedy=remedy, at=at)


def _duplicate(key: str, first: Mark, at: Mark) -> SpecFileError:
    return SpecFileError(
        f"the key `{key}` is written twice, first in line {first.line}", remedy="Keep one of the two.", at=at
    )


def _merge_sources(node: Node) -> dict[str, Entry]:
    sources = node.items if isinstance(node, ListNode) else (node,)
    merged: dict[str, Entry] = {}
    for source in sources:
        if not isinstance(source, MapNode):
            raise SpecFileError("`<<` merges mappings, found something else", at=source.at)
        merged |= {key: entry for key, entry in source.entries.items() if key not in merged}
    return merged
