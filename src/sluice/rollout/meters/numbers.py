"""A number out of what a source answered. Pure."""

from __future__ import annotations

import json
import math

from sluice.rollout.works.likeness import pointed
from sluice.spec.rollout import Compare


class NoReading(Exception):
    """There is no number; its text says why, as the rest of a sentence, and never a secret."""


def finite(found: object) -> float:
    """Return a number. Raises NoReading for text, nothing, NaN and what is infinite."""
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        raise NoReading(f"answered {_kind(found)}, not a number")
    try:
        number = float(found)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise NoReading(f"answered {number}, which is no reading")
    return number


def number_in(text: str, pointer: str) -> float:
    """Return the number that `text` is, or that stands in its JSON behind a pointer (RFC 6901).

    Raises NoReading, which never quotes the text.
    """
    if not pointer:
        return number_of(text)
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError):
        raise NoReading("answered something that is not JSON") from None
    return finite(pointed(tree, pointer))


def number_of(text: str) -> float:
    """Return the number that a text is. Raises NoReading."""
    if not text.strip():
        raise NoReading("answered nothing")
    try:
        return finite(float(text))
    except ValueError:
        raise NoReading("answered text, not a number") from None


def related(compare: Compare, green: float, stable: float) -> float:
    """Return what of the two numbers is held against the limits. Raises NoReading for a ratio to 0."""
    if compare is Compare.DIFFERENCE:
        return finite(green - stable)
    if compare is Compare.RATIO and stable == 0:
        raise NoReading("has no ratio: the stable deployment's is 0")
    return finite(green / stable) if compare is Compare.RATIO else green


def _kind(found: object) -> str:
    names = {str: "text", dict: "an object", list: "a list", bool: "true or false", type(None): "null"}
    return names.get(type(found), "nothing at that place")
