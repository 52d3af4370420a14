"""Data of each kind made from its schema, and changes to it: for tests that hold for every specification."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from sluice.spec.kinds import Kind
from sluice.spec.schema import Schema, read_schema, schema_file

Data = Any
Path = tuple[str | int, ...]

# What YAML can hold in one line.
SIGNS = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="\ufeff")
TEXTS = st.text(SIGNS)
NAMES = st.text(SIGNS, min_size=1)
PLAIN = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
ANYTHING = st.recursive(
    PLAIN | TEXTS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
)


_DEEPEST = 4


def of_kind(kind: Kind) -> st.SearchStrategy[Data]:
    """Return data that the schema of `kind` accepts."""
    file = schema_file(kind)
    return _of(file, read_schema(file), 0)


def _of(file: str, schema: Schema, depth: int) -> st.SearchStrategy[Data]:
    file, schema = _followed(file, schema)
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    for choice in ("oneOf", "anyOf"):
        if choice in schema:
            return st.one_of(*(_of(file, schema | option, depth) for option in _options(file, schema, choice)))
    types = schema.get("type", ["null", "boolean", "integer", "string"])
    return st.one_of(*(_of_type(name, file, schema, depth) for name in ([types] if isinstance(types, str) else types)))


def _options(file: str, schema: Schema, choice: str) -> Iterator[Schema]:
    schema = dict(schema)
    for option in schema.pop(choice):
        found, followed = _followed(file, option)
        yield {choice: None} | followed if found == file else {"$ref": option["$ref"]}


def _followed(file: str, schema: Schema) -> tuple[str, Schema]:
    schema = {key: value for key, value in schema.items() if value is not None}
    while "$ref" in schema:
        target, _, pointer = schema["$ref"].partition("#")
        file = target or file
        found: Schema = read_schema(file)
        for step in pointer.strip("/").split("/") if pointer.strip("/") else ():
            found = found[step]
        own = {key: value for key, value in schema.items() if key != "$ref"}
        required = [*found.get("required", ()), *own.get("required", ())]
        schema = found | own | ({"required": required} if required else {})
    return file, schema


def _of_type(name: str, file: str, schema: Schema, depth: int) -> st.SearchStrategy[Data]:
    low, high = schema.get("minimum"), schema.get("maximum")
    if name == "string":
        return _texts(schema)
    if name == "integer":
        return st.integers(low if low is not None else -(2**31), high if high is not None else 2**31)
    if name == "number":
        return st.integers(low, high) | st.floats(low, high, allow_nan=False, allow_infinity=False, width=32)
    if name == "array":
        item = _of(file, schema.get("items", {}), depth + 1)
        return st.lists(item, min_size=schema.get("minItems", 0), max_size=schema.get("minItems", 0) + 2)
    if name == "object":
        return _mappings(file, schema, depth)
    return st.booleans() if name == "boolean" else st.none()


def _texts(schema: Schema) -> st.SearchStrategy[str]:
    if "pattern" in schema:
        return st.from_regex(schema["pattern"], fullmatch=True, alphabet=st.characters(codec="ascii")).filter(
            lambda text: text.isprintable()
        )
    texts = st.text(SIGNS, min_size=schema.get("minLength", 0), max_size=schema.get("maxLength", 20))
    return texts | st.sampled_from([str(one) for one in schema["examples"]]) if schema.get("examples") else texts


def _mappings(file: str, schema: Schema, depth: int) -> st.SearchStrategy[dict[str, Data]]:
    known = schema.get("properties", {})
    required = [key for key in schema.get("required", ()) if key in known]
    optional = [key for key in known if key not in required] if depth < _DEEPEST else []

    def made(chosen: list[str]) -> st.SearchStrategy[dict[str, Data]]:
        return st.fixed_dictionaries({key: _of(file, known[key], depth + 1) for key in [*required, *chosen]})

    chosen = st.lists(st.sampled_from(optional), unique=True, max_size=6) if optional else st.just([])
    rest = schema.get("additionalProperties")
    if not isinstance(rest, dict) or depth >= _DEEPEST:
        return chosen.flatmap(made)
    allowed = _followed(file, schema.get("propertyNames", {"minLength": 1}))[1]
    names = _texts(allowed).filter(lambda name: name not in known)
    more = st.dictionaries(names, _of(file, rest, depth + 1), max_size=3)
    return st.tuples(more, chosen.flatmap(made)).map(lambda pair: pair[0] | pair[1])


@st.composite
def changed(draw: st.DrawFn, data: Data) -> Data:
    """Return `data` with one to three of its values replaced, taken away or added to."""
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from([(), *_paths(data)]))
        data = _with(data, path, draw)
    return data


def _paths(data: Data, path: Path = ()) -> Iterator[Path]:
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from _paths(value, (*path, key))


def _with(data: Data, path: Path, draw: st.DrawFn) -> Data:
    if len(path) > 1:
        below = _with(data[path[0]], path[1:], draw)
        return _put(data, path[0], below)
    if not path:
        return data | {draw(NAMES): draw(ANYTHING)} if isinstance(data, dict) else draw(ANYTHING)
    how = draw(st.sampled_from(["replace", "remove", "rename"]))
    if how == "replace" or isinstance(data, list):
        return _put(data, path[0], draw(ANYTHING))
    rest = {key: value for key, value in data.items() if key != path[0]}
    return rest | {draw(NAMES): data[path[0]]} if how == "rename" else rest


def _put(data: Data, step: str | int, value: Data) -> Data:
    copy: Data = dict(data) if isinstance(data, dict) else list(data)
    copy[step] = value
    return copy
