"""Judges of a rollout, each over many simulated rollouts at once: when would it have stopped them?

A judge's `stops` takes streams (a row is one rollout, a column one block of `ratio` requests of stable and one of
green, in order) and gives the green requests served when it stopped, `NEVER` where it did not.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlogy
from scipy.stats import mannwhitneyu

from sluice.rollout import proportions
from sluice.rollout.proportions import DRIFT, PRIOR_REQUESTS, SILENT_SHARE, Bet, Counts

NEVER = np.iinfo(np.int64).max
# Requests of green in one interval of those who look at intervals: a minute of 100 a minute.
INTERVAL = 100
Numbers = NDArray[np.float64]
Stops = NDArray[np.int64]


@dataclass(frozen=True)
class Streams:
    """Rollouts side by side: failures by block, and by interval a number for each deployment.

    `stable` counts among `ratio` requests a block, `green` in one; where `stable` has ended, it is silent.
    `green_checks` is what a threshold is held against in each interval; `baseline` and `green_series` are what is
    compared: of as many requests for both.
    """

    ratio: int
    stable: NDArray[np.int64]
    green: NDArray[np.int64]
    green_checks: Numbers = field(default_factory=lambda: np.empty((0, 0)))
    baseline: Numbers = field(default_factory=lambda: np.empty((0, 0)))
    green_series: Numbers = field(default_factory=lambda: np.empty((0, 0)))


@dataclass(frozen=True)
class Ours:
    """The sequential test of `sluice.rollout.proportions`, looked at after every block of `block` such blocks."""

    name: str = "Sluice"
    expected: float = 0.005
    alpha: float = 0.01
    block: int = 1

    def stops(self, streams: Streams) -> Stops:
        """Return the green requests served until each stop."""
        rows, columns = streams.green.shape
        batch = Batch(rows, self.expected)
        stops = np.full(rows, NEVER)
        left = np.arange(rows)
        for start in range(0, columns - self.block + 1, self.block):
            part = slice(start, start + self.block)
            stable, green = (found[left, part].sum(axis=1) for found in (streams.stable, streams.green))
            batch.place(stable, self._beside(streams, start), green, self.block)
            over = batch.evidence() >= np.log(1 / self.alpha)
            stops[left[over]] = start + self.block
            left = left[~over]
            batch.keep(~over)
            if not left.size:
                break
        return stops

    def stop_by_product(self, streams: Streams, row: int) -> int:
        """Return when the product's own code stops one rollout: what `stops` must agree with."""
        bet = Bet(expected=self.expected)
        for start in range(0, streams.green.shape[1] - self.block + 1, self.block):
            stable, green = (
                int(found[row, start : start + self.block].sum()) for found in (streams.stable, streams.green)
            )
            bet = proportions.placed(bet, Counts(self._beside(streams, start), stable), Counts(self.block, green))
            if bet.refutes(self.alpha):
                return start + self.block
        return NEVER

    def _beside(self, streams: Streams, start: int) -> int:
        return streams.ratio * self.block if start < streams.stable.shape[1] else 0


class Batch:
    """`proportions.Bet` without tolerance, for many rollouts at once."""

    def __init__(self, rows: int, expected: float) -> None:
        self._expected = expected
        odds, shares = zip(*Bet(expected=expected).alternatives, strict=True)
        self._odds, self._shares = (np.array(found)[:, None] for found in (odds, shares))
        self._logs = np.zeros((len(odds), rows))
        self._stable, self._silent = np.zeros(rows), np.zeros(rows)
        self._stable_requests = self._silent_requests = 0

    def place(self, stable: Numbers, stable_requests: int, green: Numbers, green_requests: int) -> None:
        """Take one more block."""
        if stable_requests:
            self._compare(stable, stable_requests, green, green_requests)
        else:
            self._silent = self._silent + green
            self._silent_requests += green_requests
        self._stable = self._stable + stable
        self._stable_requests += stable_requests

    def keep(self, rows: NDArray[np.bool_]) -> None:
        """Go on with these rows only."""
        if not rows.all():
            self._logs, self._stable, self._silent = self._logs[:, rows], self._stable[rows], self._silent[rows]

    def evidence(self) -> Numbers:
        """Return the logarithm of each bet's worth."""
        highest = self._logs.max(axis=0)
        compared = highest + np.log((self._shares * np.exp(self._logs - highest)).sum(axis=0))
        compared = np.log1p(-SILENT_SHARE) + compared
        return (
            np.logaddexp(compared, np.log(SILENT_SHARE) + self._worth_in_silence())
            if self._silent_requests
            else compared
        )

    def _compare(self, stable: Numbers, n: int, green: Numbers, m: int) -> None:
        prior = self._expected * PRIOR_REQUESTS
        low = np.clip((self._stable + prior) / (self._stable_requests + PRIOR_REQUESTS), 1e-4, 0.5)
        raised = low / (1 - low) * self._odds
        high = raised / (1 + raised)
        border = (n * low + m * high) / (n + m)
        self._logs += stable * np.log(low / border) + (n - stable) * np.log((1 - low) / (1 - border))
        self._logs += green * np.log(high / border) + (m - green) * np.log((1 - high) / (1 - border))

    def _worth_in_silence(self) -> Numbers:
        x, n, k, m = self._stable, self._stable_requests, self._silent, self._silent_requests
        low, high = x / max(n, 1), k / m
        over = (high > DRIFT * low) & (n > 0)
        # The root of the slope of the log-likelihood along high = DRIFT * low.
        half = (n + k + DRIFT * (m + x)) / 2
        nearest = (half - np.sqrt(half**2 - DRIFT * (n + m) * (x + k))) / (DRIFT * (n + m))
        low, high = np.where(over, nearest, low), np.where(over, DRIFT * nearest, high)
        best = _likely(x, n, low) + _likely(k, m, high)
        return _mixed(x, n) + _mixed(k, m) - best


def _likely(failures: Numbers, requests: int, rate: Numbers) -> Numbers:
    return xlogy(failures, rate) + xlogy(requests - failures, 1 - rate)


def _mixed(failures: Numbers, requests: int) -> Numbers:
    """Return the logarithm of the likelihood under the mixture Beta(0.5, 10)."""
    a, b = 0.5, 10.0
    made = gammaln(failures + a) + gammaln(requests - failures + b) - gammaln(requests + a + b)
    return made - (gammaln(a) + gammaln(b) - gammaln(a + b))


@dataclass(frozen=True)
class Threshold:
    """A check an interval: its number must not lie over `limit`; stops at the `fails`-th that does (in a row)."""

    name: str
    limit: float
    fails: int
    in_a_row: bool = False

    def stops(self, streams: Streams) -> Stops:
        """Return the green requests served until each stop."""
        failed = streams.green_checks > self.limit
        return _first(self._counted(failed) >= self.fails)

    def _counted(self, failed: NDArray[np.bool_]) -> NDArray[np.int64]:
        if not self.in_a_row:
            return np.cumsum(failed, axis=1)
        counted = np.zeros(failed.shape, dtype=np.int64)
        running = np.zeros(len(failed), dtype=np.int64)
        for column in range(failed.shape[1]):
            running = (running + 1) * failed[:, column]
            counted[:, column] = running
        return counted


@dataclass(frozen=True)
class MannWhitney:
    """A rank test of the intervals' numbers against the baseline's, at every interval, or once at the end."""

    name: str
    alpha: float = 0.01
    least: int = 5
    once: bool = False

    def stops(self, streams: Streams) -> Stops:
        """Return the green requests served until each stop."""
        rows, columns = streams.green_series.shape
        stops, left = np.full(rows, NEVER), np.arange(rows)
        for seen in range(columns if self.once else self.least, columns + 1):
            green, stable = streams.green_series[left, :seen], streams.baseline[left, :seen]
            found = mannwhitneyu(green, stable, axis=1, alternative="greater", method="asymptotic")
            over = found.pvalue < self.alpha
            stops[left[over]] = seen * INTERVAL
            left = left[~over]
            if not left.size:
                break
        return stops


def _first(over: NDArray[np.bool_]) -> Stops:
    return np.where(over.any(axis=1), (over.argmax(axis=1) + 1) * INTERVAL, NEVER)
