"""Single values from YAML's form to ARM's: text, durations, enums, and mappings without what was not written. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sluice.plan.azure_site import Tree

_UNITS: Final = ((86_400_000, "D"), (3_600_000, "H"), (60_000, "M"))


def text(value: Any) -> str | None:
    """Return a scalar as Azure's loader writes it; None stays None."""
    return None if value is None else str(value)


def texts(values: Mapping[str, Any] | None) -> dict[str, str]:
    """Return a mapping with every value as text, without those that are null."""
    return {str(key): str(value) for key, value in (values or {}).items() if value is not None}


def duration(milliseconds: float | None) -> str | None:
    """Return an ISO 8601 duration (90000 -> PT1M30S, 500 -> PT0.5S); None and 0, which mean the default, are None."""
    if not milliseconds:
        return None
    rest, parts = milliseconds, []
    for size, letter in _UNITS:
        count, rest = divmod(rest, size)
        parts.append(f"{int(count)}{letter}" if count else "")
    seconds = f"{rest / 1000:.6f}".rstrip("0").rstrip(".")
    days, clock = parts[0], "".join(parts[1:]) + (f"{seconds}S" if rest else "")
    return f"P{days}" + (f"T{clock}" if clock else "")


def seconds(value: float | None) -> str | None:
    """Return a number of seconds as a duration."""
    return duration(value * 1000) if value else None


def camel(word: str | None) -> str | None:
    """Return an enum's word as ARM writes it (target_utilization -> TargetUtilization)."""
    return word and "".join(part[:1].upper() + part[1:] for part in word.split("_"))


def without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return `values` without the keys whose value is None: what nobody wrote is not sent."""
    return {key: value for key, value in values.items() if value is not None}


def part(tree: Tree, key: str) -> Tree | None:
    """Return the mapping at `key`; None where there is none."""
    found = tree.get(key)
    return found if isinstance(found, Mapping) else None
