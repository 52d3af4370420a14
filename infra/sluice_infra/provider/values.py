"""Pulumi's property values to plain Python and back.

Plain values are None, bool, int, float, str, list and dict; UNKNOWN stands for what a preview can't know.
Whole floats become ints: the wire has no integers (Pulumi's property value has number only).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pulumi.provider.experimental.property_value import Computed, PropertyValue

Plain = dict[str, Any]


class Unknown:
    """The value of an output that does not exist yet; it equals nothing, not even itself."""

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()
# What the engine sends for an unknown value when it has no better form (pulumi sdk, plugin.UnknownStringValue).
_SENTINEL: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def to_plain(properties: Mapping[str, PropertyValue]) -> Plain:
    """Return the properties as plain values, secrets unwrapped, internal (`__`) keys left out."""
    return {key: _plain(value) for key, value in properties.items() if not key.startswith("__")}


def _plain(item: PropertyValue) -> Any:
    value = item.value
    if isinstance(value, Computed) or (isinstance(value, str) and value == _SENTINEL):
        return UNKNOWN
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, str) or value is None or isinstance(value, bool):
        return value
    if isinstance(value, Mapping):
        return {key: _plain(child) for key, child in value.items()}
    if isinstance(value, Sequence):
        return [_plain(child) for child in value if isinstance(child, PropertyValue)]
    return value


def to_wire(properties: Mapping[str, Any], secret: frozenset[str]) -> dict[str, PropertyValue]:
    """Return plain properties as Pulumi's; those named in `secret` are encrypted in the state."""
    return {key: _wire(value).with_secret(key in secret) for key, value in properties.items()}


def _wire(value: Any) -> PropertyValue:
    if isinstance(value, Unknown):
        return PropertyValue(_SENTINEL)
    if isinstance(value, bool) or value is None:
        return PropertyValue(value)
    if isinstance(value, int):
        return PropertyValue(float(value))
    if isinstance(value, Mapping):
        return PropertyValue({str(key): _wire(child) for key, child in value.items()})
    if isinstance(value, (list, tuple)):
        return PropertyValue([_wire(child) for child in value])
    return PropertyValue(value)


def has_unknown(value: Any) -> bool:
    """Tell whether anything in the tree is not known yet."""
    if isinstance(value, Mapping):
        return any(has_unknown(child) for child in value.values())
    if isinstance(value, list):
        return any(has_unknown(child) for child in value)
    return isinstance(value, Unknown)
