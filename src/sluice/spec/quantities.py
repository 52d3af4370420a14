"""Times and percentages as people write them: `1h30m`, `250ms`, `0.5%`. A plain number has a meaning, too."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from sluice.spec.nodes import Node, ScalarNode, dig

_SECONDS: Final[Mapping[str, float]] = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")
_TIME = re.compile(f"(?:{_PART.pattern})+")


def seconds(node: Node | None, *path: str) -> float | None:
    """Return the time at `path` in seconds; a plain number is one of seconds. None where there is no time."""
    found = dig(node, *path)
    if (written := _written(found)) and _TIME.fullmatch(written):
        return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(written))
    return number(found)


def percent(node: Node | None, *path: str) -> float | None:
    """Return the percentage at `path`, 0.5 for `0.5%`; a plain number is one, too. None where there is none."""
    found = dig(node, *path)
    written = _written(found)
    return _as_number(written.removesuffix("%").rstrip()) if written else number(found)


def share(node: Node | None, *path: str) -> float | None:
    """Return the percentage at `path` as a part of one: 0.005 for `0.5%`. None where there is none."""
    found = percent(node, *path)
    return None if found is None else round(found / 100, 12)


def number(node: Node | None, *path: str) -> float | None:
    """Return the number without a unit at `path`, in quotes or not; None where there is none."""
    found = dig(node, *path)
    if not isinstance(found, ScalarNode) or isinstance(found.value, bool):
        return None
    if isinstance(found.value, int | float):
        return _as_number(str(found.value))
    return _as_number(_written(found))


def has_unit(node: Node | None, *path: str) -> bool:
    """Tell whether what stands at `path` says its own unit."""
    written = _written(dig(node, *path))
    return bool(written) and not written[-1].isdigit()


def _written(node: Node | None) -> str:
    return node.value.strip() if isinstance(node, ScalarNode) and isinstance(node.value, str) else ""


def _as_number(written: str) -> float | None:
    try:
        found = float(written)
    except ValueError:
        return None
    return found if abs(found) < float("inf") else None
