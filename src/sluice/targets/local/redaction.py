"""Taking values out of JSON by JSON pointers (RFC 6901), so that what is left is still a request. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

TAKEN_OUT: Final = "[redacted]"


def redacted(body: bytes, pointers: Iterable[str]) -> bytes | None:
    """Return a body with the values behind `pointers` taken out; None where it can't be told what they are.

    A value leaves an empty one of its type behind (a text leaves `[redacted]`), so that a server still takes the
    request. A pointer to what is not there takes out nothing. Without pointers the body stays as it is; with some, a
    body that is not JSON is kept nowhere.
    """
    wanted = [_parts(pointer) for pointer in pointers]
    if not wanted:
        return body
    try:
        value = json.loads(body, object_pairs_hook=_no_name_twice)
    except (ValueError, RecursionError):
        return None
    for parts in wanted:
        value = _without(value, parts)
    return json.dumps(value, ensure_ascii=False).encode()


def _parts(pointer: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def _no_name_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object with a name twice: a server may read the other value than the one we would take out."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice")
    return found


def _without(value: Any, parts: list[str]) -> Any:
    if not parts:
        return _emptied(value)
    first, rest = parts[0], parts[1:]
    if isinstance(value, dict) and first in value:
        return {**value, first: _without(value[first], rest)}
    if isinstance(value, list) and first.isascii() and first.isdigit() and int(first) < len(value):
        return [_without(item, rest) if place == int(first) else item for place, item in enumerate(value)]
    return value


def _emptied(value: Any) -> Any:
    if isinstance(value, str):
        return TAKEN_OUT
    return None if value is None else type(value)()
