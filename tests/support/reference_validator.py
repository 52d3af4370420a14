"""The reference implementation of JSON Schema, over our schemas."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonschema
from jsonschema.protocols import Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from sluice.spec.kinds import Kind
from sluice.spec.schema import read_schema, schema_file, schema_folder

_BASE = "https://schemas.invalid/"


def _pattern(_: Validator, pattern: str, instance: Any, __: Any) -> Iterator[jsonschema.ValidationError]:
    """Yield an error where `instance` lacks `pattern`. Schemas mean ECMA's `$`: the end, not the line end before it."""
    meant = pattern[:-1] + r"\Z" if pattern.endswith("$") else pattern
    if isinstance(instance, str) and not re.search(meant, instance):
        yield jsonschema.ValidationError(f"{instance!r} does not match {pattern!r}")


_Reference: Any = jsonschema.validators.extend(  # type: ignore[no-untyped-call]  # its stub has no types
    jsonschema.Draft202012Validator, {"pattern": _pattern}
)


@cache
def reference(kind: Kind) -> Validator:
    """Return the reference implementation's validator of a kind."""
    # With its `$schema`, a schema would bring along a validator of its own, with Python's `$`.
    contents = {file.name: read_schema(file.name) for file in schema_folder().glob("*.json")}
    resources = [
        (_BASE + name, DRAFT202012.create_resource({key: one for key, one in schema.items() if key != "$schema"}))
        for name, schema in contents.items()
    ]
    registry: Any = Registry().with_resources(resources)
    found: Validator = _Reference({"$ref": _BASE + schema_file(kind)}, registry=registry)
    return found
