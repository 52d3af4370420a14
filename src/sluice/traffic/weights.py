"""Weight arithmetic: what may be set, and what is to be set. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches

from sluice.errors import TrafficRefused, UsageError
from sluice.spec.frozen import frozen_map

Weights = Mapping[str, int]
"""Percent by deployment name: each 0 to 100; all together 0 (closed) or 100."""

MOST_MIRRORED = 50
"""The most of the live traffic that may be copied, in percent (Azure: how-to-safely-rollout-online-endpoints)."""


def check_weights(weights: Weights, existing: Collection[str], endpoint: str) -> None:
    """Refuse weights that can't be set. Raises TrafficRefused.

    The rules are Azure's: only deployments that exist, whole percents, a sum of 0 or 100.
    """
    for name, weight in weights.items():
        check_exists(name, existing, endpoint, "traffic")
        check_percent(name, weight, 100, endpoint, "traffic")
    total = sum(weights.values())
    if total not in (0, 100):
        shares = " ".join(f"{name}={weight}" for name, weight in weights.items())
        raise TrafficRefused(
            f"endpoint {endpoint}: traffic sums to {total} ({shares})",
            remedy="Weights sum to 100, or to 0 to close the endpoint.",
        )


def check_mirror(mirror: Weights, weights: Weights, existing: Collection[str], endpoint: str) -> None:
    """Refuse mirror traffic that can't be set. Raises TrafficRefused.

    The rules are Azure's: one deployment, at most 50 percent, and none that takes live traffic too.
    """
    mirrored = {name: weight for name, weight in mirror.items() if weight != 0}
    for name, weight in mirror.items():
        check_exists(name, existing, endpoint, "mirror_traffic")
        check_percent(name, weight, MOST_MIRRORED, endpoint, "mirror_traffic")
    if len(mirrored) > 1:
        raise TrafficRefused(
            f"endpoint {endpoint}: mirror_traffic names {len(mirrored)} deployments ({', '.join(mirrored)})",
            remedy="Mirror to one deployment; set the others to 0.",
        )
    for name in mirrored:
        if weights.get(name, 0):
            raise TrafficRefused(
                f"endpoint {endpoint}: {name} has live traffic ({weights[name]} %) and mirror traffic",
                remedy=f"Take {name} out of traffic or out of mirror_traffic.",
            )


def goal(spec_traffic: Weights | None, override: Weights | None, existing: Collection[str]) -> Weights | None:
    """Return the weights an endpoint is to have, with a weight for every existing deployment.

    None where nobody says anything about them: then the live weights are left alone.
    `override` (of the stack) replaces the spec's traffic as a whole where it is given, even when empty.
    Names that do not exist are kept, for `check_weights` to refuse.
    """
    wished = spec_traffic if override is None else override
    return None if wished is None else frozen_map({**dict.fromkeys(existing, 0), **wished})


def left_alone(live: Weights, existing: Collection[str], endpoint: str) -> Weights:
    """Return the live weights as a goal, one for every existing deployment.

    Raises TrafficRefused when a deployment that has weight exists no more.
    """
    for name in (name for name, weight in live.items() if weight and name not in existing):
        raise TrafficRefused(
            f"deployment {name} of endpoint {endpoint} has {live[name]} % of the traffic and is to be removed",
            remedy=f"Move its traffic first: sluice traffic set OTHER=100 --endpoint {endpoint}",
        )
    return frozen_map({name: live.get(name, 0) for name in existing})


def parse_assignments(assignments: Iterable[str]) -> Weights:
    """Read `["blue=0", "green=100"]`. Raises UsageError for what is not `NAME=PERCENT`, or a name twice."""
    weights: dict[str, int] = {}
    for assignment in assignments:
        name, percent = _parse_assignment(assignment)
        if name in weights:
            raise UsageError(f"{name} is given twice", remedy="Give each deployment one weight.")
        weights[name] = percent
    return frozen_map(weights)


def _parse_assignment(assignment: str) -> tuple[str, int]:
    name, sign, percent = (part.strip() for part in assignment.partition("="))
    if not (name and sign and percent.isascii() and percent.isdigit()):
        raise UsageError(
            f"{assignment!r} is not a weight", remedy="Write NAME=PERCENT, such as green=10 (whole percents)."
        )
    return name, int(percent)


def check_exists(name: str, existing: Collection[str], endpoint: str, key: str) -> None:
    """Refuse a deployment that does not exist, named by `key`. Raises TrafficRefused."""
    if name in existing:
        return
    nearest = get_close_matches(name, existing, n=1)
    if nearest:
        remedy = f"Did you mean {nearest[0]}?"
    elif existing:
        remedy = f"It has: {', '.join(sorted(existing))}."
    else:
        remedy = "It has no deployment yet."
    raise TrafficRefused(f"endpoint {endpoint}: {key} names {name}, which does not exist", remedy=remedy)


def check_percent(name: str, weight: int, most: int, endpoint: str, key: str) -> None:
    """Refuse what is no whole number from 0 to `most`. Raises TrafficRefused."""
    whole = isinstance(weight, int) and not isinstance(weight, bool)
    if not whole or not 0 <= weight <= most:
        raise TrafficRefused(
            f"endpoint {endpoint}: {key} of {name} is {weight!r}",
            remedy=f"Write a whole number from 0 to {most}.",
        )
