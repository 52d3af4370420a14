"""How a deployment answered copies of requests: no access log tells it, only Envoy's counters. Pure.

Envoy counts its own requests, and copies are these, beside those of callers: `cluster.<name>.internal.upstream_rq_*`.
Counters begin again with a new cluster and with a new Envoy, so each cluster's growth is taken by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from sluice.rollout.meters.outcomes import NOT_FAILED
from sluice.rollout.proportions import Counts

ERRORS: Final = "errors"
Counters = Mapping[str, Mapping[str, Counts]]
"""By cluster, then by what is counted: `errors`, or `slow:<bound>`, the copies that took so many milliseconds."""

_NAME = re.compile(r"cluster\.(?P<cluster>.+\.[0-9a-f]{8})\.(?P<what>(internal\.)?upstream_rq_\w+)")
_BUCKET = re.compile(r"B(?P<bound>[\d.e+]+)\(\d+,(?P<below>\d+)\)")
_TIMED_OUT, _UNAVAILABLE = 504, 503


def pattern(deployment: str) -> str:
    """Return the regular expression of the statistics that `counters` reads."""
    cluster = rf"{re.escape(deployment)}\.[0-9a-f]{{8}}"
    return rf"^cluster\.{cluster}\.(internal\.upstream_rq_(\d{{3}}|time)|upstream_rq_(pending_overflow|timeout))$"


def slow(bound: float | None) -> str:
    """Return the name under which copies that took `bound` milliseconds and more are counted; empty where None."""
    return "" if bound is None else f"slow:{bound:g}"


def counters(stats: Mapping[str, str], bounds: Iterable[float]) -> Counters:
    """Return the counters of each cluster. Histograms stand there as `B<bound>(<new>,<all at or below>)`.

    Envoy merges histograms every five seconds: slow ones come in later than errors.
    """
    found: dict[str, dict[str, str]] = {}
    for name, value in stats.items():
        if match := _NAME.fullmatch(name):
            found.setdefault(match["cluster"], {})[match["what"]] = value
    return {cluster: _counted(values, tuple(bounds)) for cluster, values in found.items()}


def grown(before: Counters, now: Counters) -> Mapping[str, Counts]:
    """Return what was counted between two readings. A thing that was not counted before only begins."""
    total: dict[str, Counts] = {}
    kinds = {kind for counts in before.values() for kind in counts}
    for cluster, counts in now.items():
        for kind, count in counts.items():
            if not before or kind in kinds:
                last = before.get(cluster, {}).get(kind, Counts())
                total[kind] = total.get(kind, Counts()) + _growth(last, count)
    return total


def plain(found: Counters) -> dict[str, dict[str, list[int]]]:
    """Return counters as JSON."""
    return {name: {k: [c.requests, c.failures] for k, c in counts.items()} for name, counts in found.items()}


def counters_of(found: Mapping[str, Mapping[str, list[int]]]) -> Counters:
    """Return what `plain` wrote."""
    return {name: {kind: Counts(*count) for kind, count in counts.items()} for name, counts in found.items()}


def _growth(before: Counts, now: Counts) -> Counts:
    if now.requests < before.requests:  # a new Envoy
        return now
    requests = now.requests - before.requests
    return Counts(requests, min(requests, max(0, now.failures - before.failures)))


def _counted(values: Mapping[str, str], bounds: tuple[float, ...]) -> Mapping[str, Counts]:
    """A refusal by limit counts as 503 here: to a caller it would be 429."""
    codes = {int(name[-3:]): int(value) for name, value in values.items() if re.search(r"rq_\d{3}$", name)}
    times = _buckets(values.get("internal.upstream_rq_time", ""))
    answered = max(times.values(), default=0)
    late = min(codes.get(_TIMED_OUT, 0), int(values.get("upstream_rq_timeout", 0)))
    refused = min(codes.get(_UNAVAILABLE, 0), int(values.get("upstream_rq_pending_overflow", 0)))
    counts = {ERRORS: Counts(sum(codes.values()), _failed(codes) - refused)}
    for bound in bounds:
        if bound in times or not times:  # an Envoy that was started by another version may have other bounds
            counts[slow(bound)] = Counts(answered + late, answered - times.get(bound, 0) + late)
    return counts


def _failed(codes: Mapping[int, int]) -> int:
    return sum(count for code, count in codes.items() if code >= 400 and code not in NOT_FAILED)


def _buckets(text: str) -> Mapping[float, int]:
    return {float(match["bound"]): int(match["below"]) for match in _BUCKET.finditer(text)}
