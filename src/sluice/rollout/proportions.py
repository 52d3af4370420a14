"""A test of two proportions that may be looked at after every request and still keeps its rate of false alarms.

The question: does the new deployment fail more often than the stable one, beyond a tolerance? The stable one's rate
is not known, only measured beside it. The answer is an e-process: a bet against "no", whose expected worth under
"no" is at most 1 whenever one looks, so it passes 1/alpha with a probability of at most alpha (Ville's inequality),
however often it is looked at. The bet of one block of requests is the likelihood under an alternative (a, b) over
that under its projection (a0, b0) onto the border b0 = a0 + tolerance (Turner, Ly, Gruenwald, "Generic E-variables
for exact sequential k-sample tests", 2021). Each alternative multiplies the odds of the stable rate, which is
estimated from what was seen before the block, so several stand side by side, each with a share of the stake.

Why it holds for every pair of rates (p, q) with q <= p + tolerance: the expected worth of a block is
A(p)^n * B(q)^m with A, B linear, A falling, B rising, so q = p + tolerance is the worst case; there its logarithm is
concave in p, and (a0, b0) is chosen where its slope is zero and its value too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

# Odds of failure over the stable deployment's, and the share of the stake on each. Half of it and more lies on
# grave faults: there a share lost costs the most requests, counted against the few that are needed at all.
ALTERNATIVES = ((2.5, 1 / 6), (9.0, 1 / 6), (25.0, 4 / 6))
# What is believed of the stable rate before anything is seen: one failure in two hundred requests.
PRIOR_FAILURES, PRIOR_REQUESTS = 1.0, 201.0
_LOWEST, _HIGHEST = 1e-4, 0.5
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

    `tolerance` is the difference of rates that is not worth stopping for.
    """

    tolerance: float = 0.0
    logs: tuple[float, ...] = tuple(math.log(share) for _, share in ALTERNATIVES)
    stable: Counts = Counts()
    green: Counts = Counts()

    @property
    def evidence(self) -> float:
        """The natural logarithm of the bet's worth: over log(1/alpha) "no worse" is refuted at alpha."""
        highest = max(self.logs)
        return highest + math.log(sum(math.exp(log - highest) for log in self.logs))

    def refutes(self, alpha: float) -> bool:
        """Tell whether the new deployment is worse, with at most `alpha` chance of a false alarm over all looks."""
        return self.evidence >= math.log(1 / alpha)


def placed(bet: Bet, stable: Counts, green: Counts) -> Bet:
    """Return the bet after one more block of requests to both deployments.

    Order is kept by handing in small blocks: what a block says of the stable rate counts from the next one on.
    """
    if not green.requests:  # nothing to bet on, but something learned
        return replace(bet, stable=bet.stable + stable)
    rate = _estimate(bet.stable)
    logs = tuple(
        log + _worth(_alternative(rate, odds, bet.tolerance), bet.tolerance, stable, green)
        for log, (odds, _) in zip(bet.logs, ALTERNATIVES, strict=True)
    )
    return replace(bet, logs=logs, stable=bet.stable + stable, green=bet.green + green)


def _estimate(seen: Counts) -> float:
    found = (seen.failures + PRIOR_FAILURES) / (seen.requests + PRIOR_REQUESTS)
    return min(max(found, _LOWEST), _HIGHEST)


def _alternative(rate: float, odds: float, tolerance: float) -> tuple[float, float]:
    """Return the rates that a bet is on: the stable one's, and the new one's with multiplied odds."""
    least = rate + tolerance
    raised = least / (1 - least) * odds if least < 1 else math.inf
    return rate, raised / (1 + raised) if math.isfinite(raised) else 1.0 - _LOWEST


def _worth(rates: tuple[float, float], tolerance: float, stable: Counts, green: Counts) -> float:
    """Return the logarithm of what one block is worth to the alternative `rates`."""
    low, high = rates
    border = _projection(rates, tolerance, stable.requests, green.requests)
    return _gain(low, border, stable) + _gain(high, border + tolerance, green)


def _gain(rate: float, instead_of: float, counts: Counts) -> float:
    fine = counts.requests - counts.failures
    return counts.failures * math.log(rate / instead_of) + fine * math.log((1 - rate) / (1 - instead_of))


def _projection(rates: tuple[float, float], tolerance: float, stable: int, green: int) -> float:
    """Return the stable rate of the pair on the border that is hardest to tell from `rates` by such a block."""
    low, high = rates
    if tolerance == 0:
        return (stable * low + green * high) / (stable + green)
    least, most = low, high - tolerance
    for _ in range(_STEPS):
        middle = (least + most) / 2
        if _slope(middle, rates, tolerance, stable, green) > 0:
            least = middle
        else:
            most = middle
    return (least + most) / 2


def _slope(border: float, rates: tuple[float, float], tolerance: float, stable: int, green: int) -> float:
    low, high = rates
    other = border + tolerance
    return stable * (low - border) / (border * (1 - border)) + green * (high - other) / (other * (1 - other))
