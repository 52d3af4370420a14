"""From YAML text to nodes: duplicate keys, cycles and alias bombs are errors, and every error has its place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from sluice.errors import Mark, SpecFileError
from sluice.spec.faults import LONGEST_KEY, Fault
from sluice.spec.nodes import Entry, ListNode, MapNode, Node, ScalarNode, map_node
from sluice.spec.reading import display_path, place_behind, read_text
from sluice.spec.scalars import UnknownTag, read_plain, read_tagged

if TYPE_CHECKING:
    from sluice.spec.syntax import LastScalar, Spot

# Only their parsers are used. The second, many times slower, is for a PyYAML that was built without libyaml.
Events: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader

MAX_DEPTH = 100
MAX_VALUES = 50_000

# Not compiled here: that takes longer than reading a file, and is needed where one is broken.
_FORBIDDEN = "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
_COLLECTION_TAGS = frozenset({None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"})


def read_documents(path: Path, root: Path) -> tuple[Node, ...]:
    """Return the documents of the YAML file `path`, as `parse_documents` does.

    Raises:
        SpecFileError: the file is missing, unreadable or not YAML; `at` says where, `code` why.
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
    if len(documents) > 1:
        message = f"a specification file holds one document, found {len(documents)}"
        remedy = "Put each document (after `---`) into a file of its own."
        if _is_nothing(documents[-1]):
            remedy = "Remove a `---` with nothing after it; put each document into a file of its own."
        raise SpecFileError(message, remedy=remedy, at=documents[1].at, code=Fault.SEVERAL_DOCUMENTS)
    if not documents or _is_nothing(documents[0]):
        remedy = "Write its content, or remove the file."
        raise SpecFileError("the file is empty", remedy=remedy, at=at, code=Fault.EMPTY)
    return documents[0]


def _is_nothing(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.value is None and not node.written


def parse_documents(content: str, shown: str) -> tuple[Node, ...]:
    """Return the documents of YAML `content`; `shown` is the file's name in marks.

    The first document's mark is its first value's, that of each later one is its `---`.

    Raises:
        SpecFileError: the text is not YAML, or holds a duplicate key, a cycle or an alias bomb.
    """
    try:
        composer = _Composer(content, shown)
    except (yaml.reader.ReaderError, UnicodeEncodeError) as error:
        raise _control_character(content, shown) from error
    try:
        return composer.documents()
    except yaml.reader.ReaderError as error:
        raise _control_character(content, shown) from error
    except yaml.MarkedYAMLError as error:
        from sluice.spec.syntax import explained

        raise explained(error, content, shown, composer.last, composer.bracket) from error


def _control_character(content: str, shown: str) -> SpecFileError:
    found = re.search(_FORBIDDEN, content)
    at = place_behind(content[: found.start()] if found else "", shown)
    sign = f" (U+{ord(found[0]):04X})" if found else ""
    message = f"the file holds a control character{sign}"
    return SpecFileError(message, remedy="Remove it.", at=at, code=Fault.CONTROL_CHARACTER)


class _Composer:
    """One pass over the parser's events. Own instead of PyYAML's: that one overflows the stack on deep nesting."""

    def __init__(self, content: str, shown: str) -> None:
        self._next = Events(content).get_event
        self._shown = shown
        self._anchors: dict[str, tuple[Node, int] | None] = {}
        self._values = 0
        self._brackets: list[Any] = []
        self._last: Any = None

    @property
    def last(self) -> LastScalar | None:
        """The scalar that was read last."""
        event = self._last
        if event is None:
            return None
        from sluice.spec.syntax import LastScalar, Spot

        return LastScalar(Spot.of(event.start_mark), Spot.of(event.end_mark), event.style in {"'", '"'})

    @property
    def bracket(self) -> Spot | None:
        """The innermost bracket that is open."""
        if not self._brackets:
            return None
        from sluice.spec.syntax import Spot

        behind = self._brackets[-1]
        return Spot(behind.line + 1, behind.column)

    def documents(self) -> tuple[Node, ...]:
        found: list[Node] = []
        self._next()
        while not isinstance(start := self._next(), StreamEndEvent):
            self._anchors = {}
            node = self._next_node(1)
            found.append(node._replace(at=self._mark(start)) if found else node)
            self._next()
        return tuple(found)

    def _mark(self, event: Any) -> Mark:
        start = event.start_mark
        return Mark(self._shown, start.line + 1, start.column + 1)

    def _next_node(self, depth: int, key_at: Mark | None = None) -> Node:
        """Return the next node; `key_at` is where its key stands."""
        event = self._next()
        at = self._mark(event)
        if key_at and at.line > key_at.line and isinstance(event, ScalarEvent) and _is_missing(event):
            at = key_at
        return self._node(event, at, depth)

    def _node(self, event: Any, at: Mark, depth: int) -> Node:
        """Return the node that begins with `event`, at `at`; `_values` grows by its size, aliases written out."""
        if isinstance(event, AliasEvent):
            return self._alias(event.anchor or "", at)
        before = self._values
        self._count(1, at)
        if event.anchor:
            self._open_anchor(event.anchor, at)
        node = self._scalar(event, at) if isinstance(event, ScalarEvent) else self._collection(event, at, depth)
        if event.anchor:
            self._anchors[event.anchor] = node, self._values - before
        return node

    def _count(self, values: int, at: Mark) -> None:
        self._values += values
        if self._values > MAX_VALUES:
            message = f"the file holds more than {MAX_VALUES:,} values, aliases written out"
            remedy = "Write less by alias, and keep data in files of their own."
            raise SpecFileError(message, remedy=remedy, at=at, code=Fault.TOO_MANY_VALUES)

    def _open_anchor(self, anchor: str, at: Mark) -> None:
        if anchor in self._anchors:
            remedy = "Give each its own name; put a value that begins with `&` in quotes."
            raise SpecFileError("an anchor (`&…`) has a name that another has", remedy=remedy, at=at, code=Fault.ANCHOR)
        self._anchors[anchor] = None

    def _alias(self, anchor: str, at: Mark) -> Node:
        if anchor not in self._anchors:
            message, remedy = (
                "an alias (`*…`) has no anchor (`&…`) before it",
                "Put a value that begins with `*` in quotes.",
            )
            raise SpecFileError(message, remedy=remedy, at=at, code=Fault.ANCHOR)
        found = self._anchors[anchor]
        if found is None:
            message = "an alias (`*…`) stands inside what it names"
            raise SpecFileError(message, remedy="Break the cycle.", at=at, code=Fault.CYCLE)
        self._count(found[1], at)
        return found[0]

    def _scalar(self, event: Any, at: Mark) -> ScalarNode:
        self._last = event
        written = event.value
        if "\0" in written:
            message, remedy = (
                "the value holds a NUL character (`\\0`)",
                "No path, name or text can hold one: remove it.",
            )
            raise SpecFileError(message, remedy=remedy, at=at, code=Fault.CONTROL_CHARACTER)
        try:
            value = read_plain(written) if event.implicit[0] else read_tagged(written, event.tag)
        except UnknownTag:
            raise _unknown_tag(at) from None
        except ValueError as error:
            raise _bad_value(str(error), at) from error
        return ScalarNode(at, value, written)

    def _collection(self, event: Any, at: Mark, depth: int) -> Node:
        if depth > MAX_DEPTH:
            remedy = "Close brackets where a value ends."
            raise SpecFileError(f"nested more than {MAX_DEPTH} levels deep", at=at, remedy=remedy, code=Fault.TOO_DEEP)
        if event.tag not in _COLLECTION_TAGS:
            raise _unknown_tag(at)
        # The mapping in `[key: value]` has no brackets of its own.
        bracket = event.flow_style and event.end_mark.index > event.start_mark.index
        if bracket:
            self._brackets.append(event.end_mark)
        node = self._list(at, depth) if isinstance(event, SequenceStartEvent) else self._map(event, at, depth)
        if bracket:
            self._brackets.pop()
        return node

    def _list(self, at: Mark, depth: int) -> ListNode:
        made: list[Node] = []
        while not isinstance(event := self._next(), SequenceEndEvent):
            made.append(self._node(event, self._mark(event), depth + 1))
        return ListNode(at, tuple(made))

    def _map(self, start: Any, at: Mark, depth: int) -> MapNode:
        entries: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        odd: dict[str, Entry] = {}
        while not isinstance(event := self._next(), MappingEndEvent):
            key_at = self._mark(event)
            if isinstance(event, ScalarEvent) and event.value == "<<" and event.implicit[0]:
                merged |= _merge_sources(self._next_node(depth + 1, key_at))
                continue
            key, becomes = self._key(event, start, key_at)
            for name in (key, becomes) if becomes else (key,):
                if first := entries.get(name) or odd.get(name):
                    raise _duplicate(key, first.key_at, key_at)
            entry = Entry(key_at, self._next_node(depth + 1, key_at), becomes)
            entries[key] = entry
            if becomes:
                odd[becomes] = entry
        if merged:
            entries |= {key: entry for key, entry in merged.items() if key not in entries}
        return map_node(at, entries)

    def _key(self, event: Any, start: Any, at: Mark) -> tuple[str, str | None]:
        """Return a key's text, and what it becomes where YAML reads it as no string."""
        node = self._node(event, at, MAX_DEPTH) if isinstance(event, ScalarEvent | AliasEvent) else None
        if not isinstance(node, ScalarNode):
            raise _bad_key(event, start, at)
        written = node.written
        if not written:
            remedy = "Write the key; put a value that begins with a colon in quotes."
            raise SpecFileError("nothing stands before the colon", at=at, remedy=remedy, code=Fault.KEY)
        if len(written) > LONGEST_KEY:
            message = f"a key is longer than {LONGEST_KEY} characters"
            raise SpecFileError(message, at=at, remedy="Shorten it.", code=Fault.KEY)
        if isinstance(node.value, str):
            return written, None
        becomes = str(node.value)
        return written, becomes if becomes != written else None


def _is_missing(event: Any) -> bool:
    """Tell whether there is no value at all, as after `? key`: its place may be behind the end of the file."""
    return event.implicit[0] and not event.value and not event.anchor


def _bad_value(kind: str, at: Mark) -> SpecFileError:
    message = f"the value looks like a YAML {kind} but is none"
    if kind in {"merge", "value"}:
        message = "the value is a sign of its own in YAML 1.1"
    return SpecFileError(message, remedy="Put it in quotes.", at=at, code=Fault.VALUE)


def _unknown_tag(at: Mark) -> SpecFileError:
    # The tag itself is not shown: a secret that begins with `!` and lacks quotes looks like one.
    remedy = "Specifications have no tags (`!…`): put a value that begins with `!` in quotes."
    return SpecFileError("unknown YAML tag", remedy=remedy, at=at, code=Fault.TAG)


def _bad_key(event: Any, start: Any, at: Mark) -> SpecFileError:
    if start.flow_style and isinstance(event, MappingStartEvent) and (at.line, at.column) == _behind(start):  # `{{`
        message, remedy = "a placeholder `{{…}}` that is not filled in", "Fill it in, or put it in quotes."
        place = Mark(at.path, at.line, at.column - 1)
        return SpecFileError(message, remedy=remedy, at=place, code=Fault.PLACEHOLDER)
    remedy = "Put the key in quotes; a list item begins with a hyphen and a blank."
    return SpecFileError("a key is a string, found a list or a mapping", remedy=remedy, at=at, code=Fault.KEY)


def _behind(event: Any) -> tuple[int, int]:
    return event.end_mark.line + 1, event.end_mark.column + 1


def _duplicate(key: str, first: Mark, at: Mark) -> SpecFileError:
    if key.startswith("<") and key.endswith(">"):
        message = f"the placeholder `{key}` is written twice, first in line {first.line}, and is not filled in"
        return SpecFileError(message, remedy="Fill both in.", at=at, code=Fault.PLACEHOLDER)
    message = f"the key `{key}` is written twice, first in line {first.line}"
    return SpecFileError(message, remedy="Keep one of the two.", at=at, code=Fault.DUPLICATE_KEY)


def _merge_sources(node: Node) -> dict[str, Entry]:
    """Return what `<<` merges: of several mappings the first has precedence."""
    sources = node.items if isinstance(node, ListNode) else (node,)
    merged: dict[str, Entry] = {}
    for source in sources:
        if not isinstance(source, MapNode):
            remedy = "Name mappings after `<<`, by alias."
            raise SpecFileError(
                "`<<` merges mappings, found something else", remedy=remedy, at=source.at, code=Fault.MERGE
            )
        merged |= {key: entry for key, entry in source.entries.items() if key not in merged}
    return merged
