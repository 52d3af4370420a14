"""Where the mean over all cases may lie, told from some of them. Pure.

The interval of a mean, and of a mean difference paired by case, is Student's: exact for normal scores, and wide for
few cases, where the bootstrap's intervals are known to be too narrow. That of a ratio of two means, paired by case,
is Fieller's. Two things are mended, for Student's interval shrinks to nothing where all cases agree:

- Scores whose answers are all 0 or 1 are shares. Cases that nobody saw are added: z^2/2 successes and as many
  failures for a mean (Agresti and Coull 1998), z^2/8 of each of the four pairs for two deployments (Agresti and Min
  2005). So a mean of exactly 1 is never shown; "every case" is said by a limit on the worst one.
- Other scores that all agree have no spread to reckon with: from five cases on the interval is that one value, with
  fewer there is none. Catastrophes too rare to be among the cases are not seen by any interval.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean

from sluice.spec.rollout import Compare

LEAST_ALIKE = 5
"""Cases that all give the same score, from which on that score is taken for the mean."""

_NOUGHT = 1e-12  # a spread smaller than this part of the numbers is that of floating point


@dataclass(frozen=True)
class Interval:
    """The mean of so many cases (or its relation to the stable one's), and where it may lie."""

    mean: float
    low: float
    high: float
    cases: int


def interval(
    green: Sequence[float],
    stable: Sequence[float] | None = None,
    *,
    compare: Compare = Compare.VALUE,
    confidence: float = 0.95,
    shares: bool = False,
) -> Interval | None:
    """Return where the mean over all cases may lie; None where the cases can't tell.

    Args:
        green: the score of each case.
        stable: the scores of the same cases in the same order; needed unless `compare` is VALUE.
        compare: the mean itself, the mean of the differences to `stable`, or the ratio of the two means.
        confidence: how often such intervals hold the true mean, 0 to 1.
        shares: whether scores are shares of answers that are each 0 or 1.
    """
    pairs = list(zip(green, stable if stable is not None and compare is not Compare.VALUE else green, strict=True))
    count = len(pairs)
    value = related(compare, fmean(green), fmean(y for _, y in pairs)) if pairs else None
    if count < 2 or value is None:
        return None
    leftover = [_left(compare, value, x, y) for x, y in pairs]
    if not shares and _agree(leftover, green):
        return Interval(value, value, value, count) if count >= LEAST_ALIKE else None
    sums = _Sums.of(pairs, _unseen(compare, confidence) if shares else [])
    ends = _ends(compare, sums, _student(count - 1, confidence))
    return None if ends is None else Interval(value, *_bounded(ends, compare, shares=shares), count)


def related(compare: Compare, green: float, stable: float) -> float | None:
    """Return a number, or its relation to the stable one's; a ratio to what is not above nought means nothing."""
    if compare is Compare.DIFFERENCE:
        return green - stable
    if compare is Compare.RATIO:
        return green / stable if stable > 0 else None
    return green


def _left(compare: Compare, value: float, green: float, stable: float) -> float:
    """Return what of a case the found mean, difference or ratio does not tell."""
    if compare is Compare.RATIO:
        return green - value * stable
    return green - (stable if compare is Compare.DIFFERENCE else 0.0) - value


def _agree(leftover: Sequence[float], scores: Sequence[float]) -> bool:
    return max(map(abs, leftover)) <= _NOUGHT * max(1.0, *map(abs, scores))


def _unseen(compare: Compare, confidence: float) -> list[tuple[float, float, float]]:
    """Return the cases nobody saw, as weight and pair: the four corners alike; on the diagonal, for a mean, two."""
    square = NormalDist().inv_cdf(0.5 + confidence / 2) ** 2
    if compare is Compare.VALUE:
        return [(square / 2, 0.0, 0.0), (square / 2, 1.0, 1.0)]
    return [(square / 8, x, y) for x in (0.0, 1.0) for y in (0.0, 1.0)]


@dataclass(frozen=True)
class _Sums:
    """Means of both deployments over the cases, and variances and covariance of these means."""

    green: float
    stable: float
    green_var: float
    stable_var: float
    both: float

    @staticmethod
    def of(pairs: Sequence[tuple[float, float]], unseen: Sequence[tuple[float, float, float]]) -> _Sums:
        points = [*((1.0, x, y) for x, y in pairs), *unseen]
        total = math.fsum(weight for weight, _, _ in points)

        def mean(of: Callable[[float, float], float]) -> float:
            return math.fsum(weight * of(x, y) for weight, x, y in points) / total

        mx, my = mean(lambda x, _: x), mean(lambda _, y: y)
        scale = 1 / (total - 1)
        return _Sums(
            mx,
            my,
            mean(lambda x, _: (x - mx) ** 2) * scale,
            mean(lambda _, y: (y - my) ** 2) * scale,
            mean(lambda x, y: (x - mx) * (y - my)) * scale,
        )


def _ends(compare: Compare, sums: _Sums, t: float) -> tuple[float, float] | None:
    if compare is Compare.RATIO:
        return _fieller(sums, t)
    centre = sums.green - (sums.stable if compare is Compare.DIFFERENCE else 0.0)
    variance = sums.green_var
    if compare is Compare.DIFFERENCE:
        variance += sums.stable_var - 2 * sums.both
    half = t * math.sqrt(max(0.0, variance))
    return centre - half, centre + half


def _fieller(sums: _Sums, t: float) -> tuple[float, float] | None:
    """Return every ratio r for which green - r stable is not told from nought; None where these have no end."""
    leading = sums.stable**2 - t**2 * sums.stable_var
    if sums.stable <= 0 or leading <= 0:
        return None
    middle = sums.green * sums.stable - t**2 * sums.both
    root = math.sqrt(max(0.0, middle**2 - leading * (sums.green**2 - t**2 * sums.green_var)))
    return (middle - root) / leading, (middle + root) / leading


def _bounded(ends: tuple[float, float], compare: Compare, *, shares: bool) -> tuple[float, float]:
    """Shares end at 1; their differences at -1 and 1; their ratios at 0."""
    lowest = {Compare.VALUE: 0.0, Compare.DIFFERENCE: -1.0, Compare.RATIO: 0.0}[compare]
    highest = math.inf if compare is Compare.RATIO else 1.0
    return (max(lowest, ends[0]), min(highest, ends[1])) if shares else ends


def _student(freedom: int, confidence: float) -> float:
    from scipy.special import stdtrit  # scipy.stats has it too, and takes a second to load

    return float(stdtrit(freedom, 0.5 + confidence / 2))
