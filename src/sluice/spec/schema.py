"""The JSON Schemas: where they lie, what they say about a place in a file, and reading values as they ask for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache, cached_property
from operator import is_not
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sluice.spec.kinds import Kind
from sluice.spec.nodes import Entry, ListNode, MapNode, Node, Plain, ScalarNode, Step, dig, map_node

if TYPE_CHECKING:
    from jsonschema_rs import Validator

Schema = dict[str, Any]

_BASE = "sluice:///"
_COMMON = "common.schema.json"
_TRUE = frozenset({"true", "yes", "on", "y", "t", "1"})
_FALSE = frozenset({"false", "no", "off", "n", "f", "0"})


def schema_folder() -> Path:
    """Return the folder of the schemas: inside the installed package, or at the top of a checkout."""
    packaged = Path(__file__).parents[1] / "schemas"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "schemas"


def schema_file(kind: Kind) -> str:
    """Return the file name of a kind's schema."""
    return f"{kind.value}.schema.json"


@cache
def read_schema(file: str) -> Schema:
    """Return the schema in the file of that name."""
    content: Schema = json.loads((schema_folder() / file).read_text(encoding="utf-8"))
    return content


@cache
def validator(kind: Kind) -> Validator:
    """Return the compiled validator of a kind."""
    import jsonschema_rs

    shared = [_COMMON, schema_file(Kind.MODEL), schema_file(Kind.ENVIRONMENT)]
    registry = jsonschema_rs.Registry([(_BASE + file, read_schema(file)) for file in shared])
    file = schema_file(kind)
    return jsonschema_rs.Draft202012Validator(read_schema(file), registry=registry, base_uri=_BASE + file)


class Place:
    """What the schemas say about one value; references are already followed.

    `below` keeps the places that `child` has found: thousands of files ask for the same few.
    """

    def __init__(self, file: str, schema: Schema) -> None:
        self.file: Final = file
        self.schema: Final = schema
        self.below: Final[dict[tuple[Step | None, bool], Place]] = {}

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that may stand here."""
        return tuple(self.schema.get("properties", ()))

    @property
    def writable_keys(self) -> tuple[str, ...]:
        """The keys that mean something here: without those that are read-only."""
        return tuple(key for key in self.keys if not child(self, key, None).schema.get("readOnly"))

    @cached_property
    def types(self) -> frozenset[str]:
        """The JSON types a value may have here."""
        types = self.schema.get("type", ())
        return frozenset([types] if isinstance(types, str) else types)

    @cached_property
    def meant(self) -> Mapping[str, str]:
        """The values that may stand here by the form in which they compare; empty where any may."""
        return {_squash(option): option for option in reversed(self.schema.get("enum", ()))}

    @property
    def secret(self) -> bool:
        """Whether a value here must not be shown."""
        return bool(self.schema.get("writeOnly"))


@cache
def top(kind: Kind, *, inline: bool = False) -> Place:
    """Return the place of a whole file of `kind`; `inline`: of the same written inside a deployment."""
    file = schema_file(kind)
    return _follow(file, {"$ref": "#/$defs/inline"} if inline else read_schema(file))


def at(place: Place, node: Node | None, path: tuple[Step, ...]) -> Place:
    """Return the place at `path` below `place`; `node` decides between alternatives."""
    for step in path:
        place, node = child(place, step, dig(node, step)), dig(node, step)
    return place


def child(place: Place, step: Step, node: Node | None) -> Place:
    """Return the place of the key or item `step` with the value `node`."""
    named = step if isinstance(step, int) or step in place.schema.get("properties", ()) else None
    wanted = (0 if isinstance(named, int) else named, isinstance(node, MapNode))
    found = place.below.get(wanted)
    if found is None:
        found = place.below[wanted] = _choose(_child(place, named), mapping=wanted[1])
    return found


def _child(place: Place, step: Step | None) -> Place:
    """Return the place of a known key, of an item (by any number), or of any other key (None)."""
    following = place.schema.get("items") if isinstance(step, int) else place.schema.get("additionalProperties")
    if isinstance(step, str):
        following = place.schema["properties"][step]
    return _follow(place.file, following if isinstance(following, dict) else {})


def _follow(file: str, schema: Schema) -> Place:
    while "$ref" in schema:
        own = {key: value for key, value in schema.items() if key != "$ref"}
        target, _, pointer = schema["$ref"].partition("#")
        file = target or file
        found: Schema = read_schema(file)
        for step in pointer.strip("/").split("/"):
            found = found[step]
        schema = found | own
    return Place(file, schema)


def _choose(place: Place, *, mapping: bool) -> Place:
    """Return the alternative of a `oneOf` that fits what stands in the file: a mapping or anything else."""
    if "oneOf" not in place.schema:
        return place
    options = [_follow(place.file, option) for option in place.schema["oneOf"]]
    return next(option for option in options if ("object" in option.types) == mapping)


def normalised(node: Node, place: Place) -> Node:
    """Return `node` with values read as leniently as Azure's loader does; where nothing changes, the node itself.

    Enum values compare without case and underscores (`AMLToken`), `"3"` is a number and `"yes"` a boolean where
    the schema asks for one. Marks stay.
    """
    if isinstance(node, ScalarNode):
        value = _read_value(node.value, place)
        return node if value is node.value else ScalarNode(node.at, value, node.written)
    if isinstance(node, ListNode):
        items = [normalised(item, child(place, index, item)) for index, item in enumerate(node.items)]
        return ListNode(node.at, tuple(items)) if any(map(is_not, items, node.items)) else node
    changed = {
        key: Entry(entry.key_at, read, entry.key_becomes)
        for key, entry in node.entries.items()
        if (read := normalised(entry.node, child(place, key, entry.node))) is not entry.node
    }
    return map_node(node.at, {**node.entries, **changed}) if changed else node


def _read_value(value: Plain, place: Place) -> Plain:
    if isinstance(value, str) and place.meant:
        option = place.meant.get(_squash(value), value)
        return value if option == value else option
    if "string" in place.types:
        return value
    if "boolean" in place.types and str(value).lower() in _TRUE | _FALSE:
        return value if isinstance(value, bool) else str(value).lower() in _TRUE
    return _read_number(value, place) if isinstance(value, str) else value


def _read_number(value: str, place: Place) -> Plain:
    if place.types & {"integer", "number"} and re.fullmatch(r"[+-]?[0-9]{1,19}", value.strip()):
        return int(value)
    if "number" in place.types and re.fullmatch(r"[+-]?[0-9]{1,19}\.[0-9]{1,19}", value.strip()):
        return float(value)
    return value


def _squash(value: str) -> str:
    return value.replace("_", "").lower()
