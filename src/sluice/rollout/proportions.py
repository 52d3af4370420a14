"""Tests of proportions that may be looked at after every request and still keep their rate of false alarms.

The question: does the new deployment fail more often than the stable one, beyond a tolerance (or than a fixed limit)?
The answer is an e-process: a bet against "no", whose expected worth under "no" is at most 1 whenever one looks, so it
passes 1/alpha with a probability of at most alpha (Ville's inequality), however often it is looked at. A bet is placed
block by block; each alternative multiplies the odds of failure, and several stand side by side, each with a share of
the stake. The expected worth of a block of n stable requests and m new ones, with true rates p and q, is at most 1:

- Compared: the likelihood under an alternative (a, b) over that under its projection (a0, b0) onto the
  border b0 = a0 + tolerance (Turner, Ly, Gruenwald, "Generic E-variables for exact sequential k-sample tests", 2021).
  a is the stable rate as estimated from what was seen before the block. It holds for every q <= p + tolerance: the
  expected worth is A(p)^n * B(q)^m with A, B linear, A falling, B rising, so q = p + tolerance is the worst case;
  there its logarithm is concave in p, and (a0, b0) is chosen where its slope is zero and its value too.
- Against a fixed limit L: the likelihood under an alternative b > L over that under L itself. The expected worth is
  B(q)^m with B linear, rising, and B(L) = 1: at most 1 for every q <= L.

The stable one may also be silent (no traffic, as while a rollout bakes). Blocks without its requests go into a bet of
their own: how likely they and all that was ever seen of the stable one are under a mixture of all pairs of rates, over
how likely they are under the best pair with q <= drift * p + tolerance (universal inference; Wasserman, Ramdas,
Balakrishnan 2020). That is never more than the same ratio to the true pair, which is a bet whose expected worth is 1.
Where both have requests, the same window is compared, whatever changes with time; in silence with what was before. So
`DRIFT` is granted there, this bet has `SILENT_SHARE` of the stake, and requests with stable ones beside them stay out
of it. The average of two such bets, weighted by their shares, is one again.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

Alternatives = tuple[tuple[float, float], ...]

# Odds of failure over the border's, and the share of the stake on each. Failures of a rare kind: most of the stake lies
# on grave faults; there a share lost costs the most requests, counted against the few that are needed at all.
RARE: Alternatives = ((2.5, 0.1), (7.0, 0.1), (20.0, 0.8))
# Of a kind as common as being slower than the 95th percentile, or allowed up to a limit: nearer to the border.
COMMON: Alternatives = ((1.4, 0.3), (2.4, 0.3), (10.0, 0.4))
RARE_BELOW = 0.02
# How many requests the rate that is expected of the stable deployment stands for.
PRIOR_REQUESTS = 200
# The share of the stake on what is seen while the stable deployment is silent.
SILENT_SHARE = 0.05
# The rate that the stable one would have by now, over what it had when it was last heard of.
DRIFT = 1.5
# Of the mixture of rates in silence: low ones are likelier.
_FINE = 10.0
_LOWEST, _HIGHEST = 1e-4, 0.5
_NEARLY_ALL = 1 - 1e-6
_LEAST_RAISED, _LEAST_LIMIT = 1e-3, 1e-6
_STEPS = 60


@dataclass(frozen=True)
class Counts:
    """Requests, and how many of them failed (or were slow: whatever is counted)."""

    requests: int = 0
    failures: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.requests + other.requests, self.failures + other.failures)

    @property
    def rate(self) -> float:
        """The share of failures; 0 where nothing was counted."""
        return self.failures / self.requests if self.requests else 0.0


@dataclass(frozen=True)
class Bet:
    """The state of the test: the logarithm of each alternative's worth, and what was counted so far.

    Attributes:
        tolerance: difference of rates that is not worth stopping for.
        expected: the stable rate that is believed in before anything is seen; 1 in 200 for errors, for latency what
            lies above the quantile.
        limit: a rate that the new deployment must not exceed, whatever the stable one does; None: it is compared.
        logs: by alternative, without the stakes.
        silent: the part of `green` that had no stable requests beside it.
    """

    tolerance: float = 0.0
    expected: float = 0.005
    limit: float | None = None
    logs: tuple[float, ...] = (0.0, 0.0, 0.0)
    stable: Counts = Counts()
    green: Counts = Counts()
    silent: Counts = Counts()

    @property
    def alternatives(self) -> Alternatives:
        """What is bet on."""
        return RARE if self.limit is None and self.expected < RARE_BELOW else COMMON

    @property
    def evidence(self) -> float:
        """The natural logarithm of the bet's worth: over log(1/alpha) "no worse" is refuted at alpha."""
        worth = _total(math.log(share) + log for (_, share), log in zip(self.alternatives, self.logs, strict=True))
        if self.limit is not None:
            return worth
        if not self.silent.requests:
            return math.log1p(-SILENT_SHARE) + worth
        silent = _worth_in_silence(self.tolerance, self.stable, self.silent)
        return _total((math.log1p(-SILENT_SHARE) + worth, math.log(SILENT_SHARE) + silent))

    def refutes(self, alpha: float) -> bool:
        """Tell whether the new deployment is worse, with at most `alpha` chance of a false alarm over all looks."""
        return self.evidence >= math.log(1 / alpha)


def placed(bet: Bet, stable: Counts, green: Counts) -> Bet:
    """Return the bet after one more block of requests to both deployments.

    Order is kept by handing in small blocks: what a block says of the stable rate counts from the next one on. How
    many requests a block has must not depend on how they end.
    """
    counted = replace(bet, stable=bet.stable + stable, green=bet.green + green)
    if bet.limit is None and not stable.requests:
        return replace(counted, silent=bet.silent + green)
    if not green.requests:  # nothing to bet on, but something learned
        return counted
    worth = [
        _worth_together(bet, odds, stable, green) if bet.limit is None else _worth_over(bet.limit, odds, green)
        for odds, _ in bet.alternatives
    ]
    return replace(counted, logs=tuple(log + more for log, more in zip(bet.logs, worth, strict=True)))


def interval(counts: Counts, confidence: float = 0.95) -> tuple[float, float]:
    """Return bounds of the rate behind `counts` that hold at all looks at once with the given confidence.

    A rate lies outside where the counts are likelier by 1 / (1 - confidence) under a mixture of all rates (Jeffreys'
    prior) than under it: that ratio is a bet against the rate, and the true one loses it with at least that confidence
    (Robbins 1970). So it may be shown again and again; it is wider than an interval for one look.
    """
    least = _log_mixed(counts, 0.5) + math.log1p(-confidence)
    return _bound(counts, least, 0.0), _bound(counts, least, 1.0)


def _log_mixed(counts: Counts, fine: float) -> float:
    """Return the logarithm of how likely `counts` are, in the order seen, under a mixture of rates: Beta(0.5, fine)."""
    return _log_beta(counts.failures + 0.5, counts.requests - counts.failures + fine) - _log_beta(0.5, fine)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _bound(counts: Counts, least: float, end: float) -> float:
    """Return the rate between the counted one and `end` whose log-likelihood is `least`; `end` where there is none."""
    inside, outside = counts.rate, end
    if _log_likelihood(counts, end) >= least:
        return end
    for _ in range(_STEPS):
        middle = (inside + outside) / 2
        if _log_likelihood(counts, middle) >= least:
            inside = middle
        else:
            outside = middle
    return outside


def _log_likelihood(counts: Counts, rate: float) -> float:
    fine = counts.requests - counts.failures
    if (counts.failures and rate <= 0) or (fine and rate >= 1):
        return -math.inf
    failed = counts.failures * math.log(rate) if counts.failures else 0.0
    return failed + (fine * math.log1p(-rate) if fine else 0.0)


def _total(logs: Iterable[float]) -> float:
    """Return the logarithm of the sum of what `logs` are the logarithms of."""
    found = tuple(logs)
    highest = max(found)
    return highest + math.log(sum(math.exp(log - highest) for log in found))


def _worth_in_silence(tolerance: float, stable: Counts, silent: Counts) -> float:
    low, high = stable.rate, silent.rate
    if stable.requests and high > DRIFT * low + tolerance:
        low = _nearest((low, high), tolerance, stable.requests, silent.requests, DRIFT)
        high = DRIFT * low + tolerance
    best = _log_likelihood(stable, low) + _log_likelihood(silent, high)
    return _log_mixed(stable, _FINE) + _log_mixed(silent, _FINE) - best


def _worth_over(limit: float, odds: float, green: Counts) -> float:
    """Return the logarithm of what a block is worth to `odds` times those of `limit`; no rate is over 1.

    Of a limit near 0 no multiple is worth a bet: there it is on those of 1 in 1,000.
    """
    if limit > _NEARLY_ALL:
        return 0.0
    return _gain(_raised(max(limit, _LEAST_RAISED), odds), max(limit, _LEAST_LIMIT), green)


def _worth_together(bet: Bet, odds: float, stable: Counts, green: Counts) -> float:
    """Return the logarithm of what a block is worth to `odds` times those of the stable rate and the tolerance."""
    low = _estimate(bet)
    if low + bet.tolerance > _NEARLY_ALL:
        return 0.0
    high = _raised(low + bet.tolerance, odds)
    border = _projection((low, high), bet.tolerance, stable.requests, green.requests)
    return _gain(low, border, stable) + _gain(high, border + bet.tolerance, green)


def _estimate(bet: Bet) -> float:
    found = (bet.stable.failures + bet.expected * PRIOR_REQUESTS) / (bet.stable.requests + PRIOR_REQUESTS)
    return min(max(found, _LOWEST), _HIGHEST)


def _raised(rate: float, odds: float) -> float:
    """Return the rate with `odds` times the odds of `rate`."""
    raised = rate / (1 - rate) * odds
    return raised / (1 + raised)


def _gain(rate: float, instead_of: float, counts: Counts) -> float:
    fine = counts.requests - counts.failures
    return counts.failures * math.log(rate / instead_of) + fine * math.log((1 - rate) / (1 - instead_of))


def _projection(rates: tuple[float, float], tolerance: float, stable: int, green: int) -> float:
    """Return the stable rate of the pair on the border that is hardest to tell from `rates` by such a block."""
    low, high = rates
    if tolerance == 0:
        return (stable * low + green * high) / (stable + green)
    return _nearest(rates, tolerance, stable, green)


def _nearest(rates: tuple[float, float], tolerance: float, stable: int, green: int, factor: float = 1.0) -> float:
    """Return the stable rate r with which (r, factor * r + tolerance) is likeliest where `rates` were counted."""
    low, high = rates
    least, most = low, (high - tolerance) / factor
    for _ in range(_STEPS):
        middle = (least + most) / 2
        other = factor * middle + tolerance
        # The slope of the log-likelihood, times what is positive.
        slope = stable * (low - middle) * other * (1 - other) + factor * green * (high - other) * middle * (1 - middle)
        if slope > 0:
            least = middle
        else:
            most = middle
    return (least + most) / 2
