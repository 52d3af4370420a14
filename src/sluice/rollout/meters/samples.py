"""From requests in their order to small blocks of counts, one series a metric. Pure.

Errors are counted as they are. Of latency the *exceedances* are counted, so that one test of proportions serves for
both: a request of the stable deployment is slow above a threshold T, one of the new one above T * (1 + worse_by). If
the new one's latency is that of the stable one stretched by at most 1 + worse_by, its share of slow ones is at most the
stable one's, whatever T is. So T need not be the right quantile for the test to keep its rate of false alarms; it only
has to be chosen before what is judged by it. T is the quantile of the stable deployment's requests before the walk, or
of the first ones in it, and stays. (One that followed the quantile would do while both deployments have requests; but
a rate counted above one threshold can't be held against a rate above another, as is done once the stable deployment
has no more.) Slow means strictly above: with times that fall on few values, a T between two is as good as any.

A block closes as soon as it has requests of both, so that none is held against a silent deployment by accident: with
little new traffic at each request of the new one, together with all stable ones since the last. Where the stable one
has no weight any more, each request of the new one closes a block. How many requests a block has never depends on how
they ended.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sluice.rollout.meters.outcomes import Outcome
from sluice.rollout.metrics import limit_name
from sluice.rollout.models import Sample
from sluice.rollout.proportions import Counts
from sluice.spec.rollout import Measure, MetricRule

MOST_BLOCKS = 50
"""Of one reading; where there are more requests of the new deployment, each block gets several."""
LEAST_HISTORY = 50
"""Requests of the stable deployment before anything is said of its quantile."""
_LONE = 1000
"""So many new requests without a stable one: it is silent, though it has weight."""

Seen = tuple[bool, Outcome]
"""Whether it was a request of the new deployment, and how it ended."""


@dataclass(frozen=True)
class Series:
    """What one metric counts: errors where `latency` is not set; else requests slower than a threshold.

    That is `limit_ms`; or what the stable deployment's `quantile` was, for the new one `factor` times. Where there
    are `bounds` (milliseconds), the new one's threshold is one of them: of copies no more is known than between which
    bounds they lie.
    """

    name: str
    latency: bool = False
    limit_ms: float | None = None
    quantile: float = 0.95
    factor: float = 1.0
    bounds: tuple[float, ...] = ()

    @property
    def relative(self) -> bool:
        """Whether it needs to know how quick the stable deployment is."""
        return self.latency and self.limit_ms is None


@dataclass(frozen=True)
class Standing:
    """Where a series stands between two readings.

    Attributes:
        stable, green: the block that is open.
        threshold: milliseconds above which a request of the new deployment is slow; None where not known yet.
        history: the stable deployment's times until then.
    """

    stable: Counts = field(default_factory=Counts)
    green: Counts = field(default_factory=Counts)
    threshold: float | None = None
    history: tuple[float, ...] = ()

    def plain(self) -> dict[str, Any]:
        """Return it as JSON."""
        counts = [self.stable.requests, self.stable.failures, self.green.requests, self.green.failures]
        said = {"above": self.threshold, "history": list(self.history)}
        return {"open": counts, **{key: value for key, value in said.items() if value}}


def standing_of(found: dict[str, Any]) -> Standing:
    """Return what `Standing.plain` wrote."""
    counts, history = found["open"], tuple(found.get("history", ()))
    return Standing(Counts(*counts[:2]), Counts(*counts[2:]), found.get("above"), history)


def series_of(rules: Iterable[MetricRule], bounds: Iterable[float] = ()) -> tuple[Series, ...]:
    """Return the series of all rules of ERRORS and LATENCY, named as their metrics are."""
    steps = tuple(bounds)
    return tuple(series for rule in rules for series in _series(rule, steps))


def _series(rule: MetricRule, bounds: tuple[float, ...]) -> Iterator[Series]:
    if rule.measure not in {Measure.ERRORS, Measure.LATENCY}:
        return
    latency = rule.measure is Measure.LATENCY
    if rule.relative:
        yield Series(rule.name, latency, None, rule.quantile, 1 + rule.worse_by, bounds)
    if rule.limits.at_most is not None:
        yield Series(limit_name(rule.name), latency, rule.limits.at_most if latency else None, bounds=bounds)


def begun(series: Series, history: Sequence[float]) -> Standing:
    """Return how a series begins, with the stable deployment's times before the walk, in milliseconds."""
    if series.limit_ms is not None:
        return Standing(threshold=series.limit_ms)
    return _known(series, Standing(history=tuple(history))) if series.latency else Standing()


def sampled(
    series: Series, standing: Standing, seen: Sequence[Seen], *, together: bool
) -> tuple[tuple[Sample, ...], Standing]:
    """Return the blocks that close with these requests, and where the series stands then.

    `together` is whether the stable deployment has weight.
    """
    size = max(1, math.ceil(sum(green for green, _ in seen) / MOST_BLOCKS))
    block, samples = _Block(series, standing), []
    for green, one in seen:
        block.add(green, one)
        if block.full(size, together=together):
            samples.append(block.close())
    return tuple(samples), block.standing()


def copied(standing: Standing, copies: Counts, *, together: bool) -> tuple[tuple[Sample, ...], Standing]:
    """Return what closes when the new deployment has answered copies, whose order is not known: one block."""
    green = standing.green + copies
    standing = replace(standing, green=green)
    if not copies.requests or (together and not standing.stable.requests):
        return (), standing
    return (Sample(standing.stable, green),), replace(standing, stable=Counts(), green=Counts())


def copies_above(series: Series, standing: Standing) -> float | None:
    """Return the bound above which a copy is slow; None where there is none, or it is not known yet.

    That of a limit is the next one above it: what is slow there is slow by the limit.
    """
    above = standing.threshold
    return None if above is None else min((one for one in series.bounds if one >= above), default=None)


class _Block:
    """The open block; plain numbers, for it sees thousands of requests a second."""

    def __init__(self, series: Series, standing: Standing) -> None:
        self._series, self._was = series, standing
        self._stable, self._slow_stable = standing.stable.requests, standing.stable.failures
        self._green, self._slow_green = standing.green.requests, standing.green.failures
        self._history = list(standing.history)
        above = standing.threshold
        self._above = None if above is None else (above / series.factor, above)

    def add(self, green: bool, one: Outcome) -> None:
        if not self._series.latency:
            if one.ended:
                self._count(green, bad=one.failed)
        elif one.timed and self._above:
            self._count(green, bad=one.ms > self._above[green])
        elif one.timed and not green:
            self._history.append(one.ms)

    def _count(self, green: bool, *, bad: bool) -> None:
        if green:
            self._green += 1
            self._slow_green += bad
        else:
            self._stable += 1
            self._slow_stable += bad

    def full(self, size: int, *, together: bool) -> bool:
        return self._green >= size and (not together or self._stable > 0 or self._green >= _LONE)

    def close(self) -> Sample:
        sample = Sample(Counts(self._stable, self._slow_stable), Counts(self._green, self._slow_green))
        self._stable = self._slow_stable = self._green = self._slow_green = 0
        return sample

    def standing(self) -> Standing:
        stable, green = Counts(self._stable, self._slow_stable), Counts(self._green, self._slow_green)
        return _known(self._series, replace(self._was, stable=stable, green=green, history=tuple(self._history)))


def _known(series: Series, standing: Standing) -> Standing:
    """Set the threshold once there is enough history; nothing is counted until then."""
    if not series.relative or standing.threshold is not None or len(standing.history) < LEAST_HISTORY:
        return standing
    times = sorted(standing.history)
    above = times[math.ceil(series.quantile * len(times)) - 1] * series.factor
    if series.bounds:
        above = min(series.bounds, key=lambda one: abs(math.log(one / max(above, series.bounds[0]))))
    return replace(standing, threshold=above, history=())
