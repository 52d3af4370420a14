"""All that is kept of an endpoint's requests between two readings of a walk. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sluice.rollout.meters import copies
from sluice.rollout.meters.samples import (
    LEAST_HISTORY,
    Seen,
    Series,
    Standing,
    begun,
    copied,
    copies_above,
    sampled,
    standing_of,
)
from sluice.rollout.meters.tokens import Both, Spent, spent
from sluice.rollout.models import Sample
from sluice.spec.frozen import frozen_map

Samples = Mapping[str, tuple[Sample, ...]]


@dataclass(frozen=True)
class Ledger:
    """Where each series stands, what was spent, and Envoy's counters of copies while there are copies."""

    series: tuple[Series, ...]
    standings: Mapping[str, Standing] = field(default_factory=frozen_map)
    spent: Both = (Spent(), Spent())
    copies: copies.Counters | None = None

    def plain(self) -> dict[str, Any]:
        """Return it as JSON, for `ledger_of`; the series come from the rules again."""
        standings = {name: standing.plain() for name, standing in self.standings.items()}
        plain: dict[str, Any] = {"series": standings, "spent": [one.plain() for one in self.spent]}
        return plain if self.copies is None else plain | {"copies": copies.plain(self.copies)}

    def waiting(self) -> Mapping[str, int]:
        """Return the series that don't know yet how quick the stable deployment is, and how much of it was seen."""
        standings = ((one, self.standings[one.name]) for one in self.series)
        return {
            one.name: min(len(standing.history), LEAST_HISTORY)
            for one, standing in standings
            if one.relative and standing.threshold is None
        }


def new_ledger(series: tuple[Series, ...], history: Sequence[float]) -> Ledger:
    """Return the ledger of a walk that begins, with the stable deployment's times before it, in milliseconds."""
    return Ledger(series, {one.name: begun(one, history) for one in series})


def ledger_of(series: tuple[Series, ...], found: Mapping[str, Any]) -> Ledger:
    """Return the ledger that `Ledger.plain` wrote."""
    standings = {one.name: standing_of(found["series"][one.name]) for one in series}
    stable, green = (Spent(*counts) for counts in found["spent"])
    counters = found.get("copies")
    return Ledger(series, standings, (stable, green), None if counters is None else copies.counters_of(counters))


def after_requests(ledger: Ledger, seen: Sequence[Seen], *, together: bool) -> tuple[Samples, Ledger]:
    """Return the blocks that close with these requests, and the ledger after them."""
    found = {one.name: sampled(one, ledger.standings[one.name], seen, together=together) for one in ledger.series}
    standings = {name: standing for name, (_, standing) in found.items()}
    blocks = {name: samples for name, (samples, _) in found.items()}
    return blocks, replace(ledger, standings=standings, spent=spent(ledger.spent, seen))


def after_copies(ledger: Ledger, stats: Mapping[str, str], *, together: bool) -> tuple[Samples, Ledger]:
    """Return what copies tell, by Envoy's counters: they are counted from the first reading on, which only begins."""
    above = {one.name: copies_above(one, ledger.standings[one.name]) for one in ledger.series if one.latency}
    now = copies.counters(stats, {bound for bound in above.values() if bound is not None})
    grown = {} if ledger.copies is None else copies.grown(ledger.copies, now)
    blocks, standings = {}, dict(ledger.standings)
    for one in ledger.series:
        if counts := grown.get(copies.slow(above[one.name]) if one.latency else copies.ERRORS):
            blocks[one.name], standings[one.name] = copied(standings[one.name], counts, together=together)
    return blocks, replace(ledger, standings=standings, copies=now)


def joined(first: Samples, then: Samples) -> Samples:
    """Return the blocks of both, in order; a series without any is left out."""
    names = dict.fromkeys([*first, *then])
    every = {name: (*first.get(name, ()), *then.get(name, ())) for name in names}
    return frozen_map({name: blocks for name, blocks in every.items() if blocks})
