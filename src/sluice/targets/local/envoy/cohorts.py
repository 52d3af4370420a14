"""Callers who reach a deployment whatever the weights: by a header, or by a share of all that a cookie keeps. Pure.

A caller's first request draws a number from 0 to 100; who has one below the cohort's percent is in. The cookie says
between which bounds the number lies, and holds a random fraction that places it there:
`<deployment>.<from>-<to>.<uuid>`. So a caller has one number for as long as the cookie lives: a cohort that grows keeps
all it had, one that shrinks takes in nobody new, and both have their percent of all callers.

Who is outside goes where the weights say, request by request: a cookie that held callers at a deployment would make the
weights untrue. Who has a cookie for another deployment draws anew; without a cohort no cookie means anything. It is no
secret and no proof: who wants to be in can say so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from sluice.targets.local.envoy.clusters import Json
from sluice.traffic.router import Cohort

COOKIE: Final = "sluice-cohort"
LARGEST_PATTERN: Final = 8192
"""What Envoy must allow a regular expression, in RE2's program size; its own limit is 100."""
_FRACTIONS: Final = 4096
_DIGITS: Final = "0123456789abcdef"


class Told(NamedTuple):
    """What a request is told by, and what its answer gets on top."""

    match: Json
    headers: list[Json]


def inside(cohort: Cohort) -> Iterator[Told]:
    """Yield what tells the cohort's requests, in the order of the routes."""
    yield from (Told({"headers": [header]}, []) for header in _headers(cohort))
    if cohort.percent:
        yield Told({"cookies": [_cookie(members(cohort))]}, [])
        # In hundredths of a percent: in percent or in parts of a million it would follow the choice by weight or of
        # a copy, for Envoy has one random number a request.
        share = {"default_value": {"numerator": 100 * cohort.percent, "denominator": "TEN_THOUSAND"}}
        yield Told({"cookies": [_not_drawn(cohort)], "runtime_fraction": share}, [_drawn(cohort, 0, cohort.percent)])


def outside(cohort: Cohort | None) -> Iterator[Told]:
    """Yield what tells the rest: those who have drawn just now, if any, and all others."""
    if cohort and 0 < cohort.percent < 100:
        yield Told({"cookies": [_not_drawn(cohort)]}, [_drawn(cohort, cohort.percent, 100)])
    yield Told({}, [])


def members(cohort: Cohort) -> str:
    """Return a pattern for the cookies of those who are in: their number lies below the cohort's percent."""
    bounds = [(0, high) for high in range(1, 101)] + [(low, 100) for low in range(1, 100)]
    below = {(low, high): _FRACTIONS * (cohort.percent - low) // (high - low) for low, high in bounds}
    chosen = [f"{low}-{high}\\.(?:{_below(limit)})" for (low, high), limit in below.items() if limit > 0]
    return rf"{re.escape(cohort.deployment)}\.(?:{'|'.join(chosen)})[0-9a-f-]+"


def _below(limit: int) -> str:
    """Return a pattern for three hexadecimal digits that are less than `limit`."""
    if limit >= _FRACTIONS:
        return "[0-9a-f]{3}"
    digits = f"{limit:03x}"
    smaller = ((digits[:place], _DIGITS[: int(digits[place], 16)], 2 - place) for place in range(3))
    return "|".join(f"{same}[{less}][0-9a-f]{{{rest}}}" for same, less, rest in smaller if less)


def _headers(cohort: Cohort) -> Iterator[Json]:
    name = cohort.header.lower()
    if name and not cohort.values:
        yield {"name": name, "present_match": True}
    yield from ({"name": name, "string_match": {"exact": value}} for value in cohort.values if name)


def _cookie(pattern: str) -> Json:
    return {"name": COOKIE, "string_match": {"safe_regex": {"regex": pattern}}}


def _not_drawn(cohort: Cohort) -> Json:
    """Tell who has no number for this deployment yet."""
    drawn = rf"{re.escape(cohort.deployment)}\.[0-9]+-[0-9]+\.[0-9a-f-]+"
    return {**_cookie(drawn), "invert_match": True}


def _drawn(cohort: Cohort, low: int, high: int) -> Json:
    """Give the cookie, for as long as the caller keeps cookies of a session."""
    value = f"{COOKIE}={cohort.deployment}.{low}-{high}.%UNIQUE_ID%; Path=/; HttpOnly; SameSite=Lax"
    return {"header": {"key": "set-cookie", "value": value}, "append_action": "APPEND_IF_EXISTS_OR_ADD"}
