"""Two runs compared line by line, and a run judged against limits and another. Pure but for reading the runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Final

from sluice.errors import UsageError
from sluice.judging.gates import Said, judged, notes
from sluice.judging.intervals import Interval, interval
from sluice.judging.scores import Scores
from sluice.judging.verdicts import Verdict, worst_of
from sluice.runs.scoring import scores_of, shares
from sluice.runs.store import RunFolder, Status
from sluice.spec.findings import nearest
from sluice.spec.rollout import Compare, Gate, Limits

_MOST_LINES: Final = 5


@dataclass(frozen=True)
class Difference:
    """One metric of two runs: their means over the lines both have, and where the difference may lie.

    `falls` are the lines where the second is lower the most: line, first, second.
    """

    metric: str
    first: float
    second: float
    lines: int
    interval: Interval | None
    falls: tuple[tuple[str, float, float], ...] = ()

    @property
    def says(self) -> str:
        """What the interval tells of the difference."""
        if self.interval is None:
            return "too few lines to tell"
        if self.interval.low > 0:
            return "higher"
        if self.interval.high < 0:
            return "lower"
        return "no difference that can be told"


@dataclass(frozen=True)
class Comparison:
    """Two runs: names, lines that failed in each, and the metrics both have."""

    first: str
    second: str
    failed: tuple[int, int]
    differences: tuple[Difference, ...]


def compared(first: RunFolder, second: RunFolder) -> Comparison:
    """Return how the second run differs from the first, paired by line.

    Raises UsageError where one is not completed, they are over different data, or share no numeric output.
    """
    _refuse_unlike(first, second)
    mine, theirs = scores_of(first), scores_of(second)
    shared = [name for name in mine.names() if mine.answers(name) and theirs.answers(name)]
    if not shared:
        raise UsageError(
            f"runs {first.name} and {second.name} share no numeric output",
            remedy="Compare evaluations: their outputs are scores.",
        )
    failed = (first.record()["lines"]["failed"], second.record()["lines"]["failed"])
    found = (_difference(name, mine, theirs) for name in shared)
    return Comparison(first.name, second.name, failed, tuple(one for one in found if one))


def _difference(metric: str, mine: Scores, theirs: Scores) -> Difference | None:
    before, after = mine.answers(metric), theirs.answers(metric)
    both = [case for case in before if case in after]
    if not both:
        return None
    first, second = [fmean(before[case]) for case in both], [fmean(after[case]) for case in both]
    found = interval(second, first, compare=Compare.DIFFERENCE, shares=shares([*first, *second]))
    falls = sorted(
        (after - before, case, before, after) for case, before, after in zip(both, first, second, strict=True)
    )
    worst = tuple((case, before, after) for fall, case, before, after in falls[:_MOST_LINES] if fall < 0)
    return Difference(metric, fmean(first), fmean(second), len(both), found, worst)


@dataclass(frozen=True)
class Wanted:
    """What a run must keep of one metric; `max_drop` and `max_rise` are against the baseline."""

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    max_drop: float | None = None
    max_rise: float | None = None
    worst_at_least: float | None = None
    worst_at_most: float | None = None
    confidence: float = 0.95

    def gates(self) -> Iterator[Gate]:
        """Yield the gates that this means."""
        own, worst = Limits(self.at_least, self.at_most), Limits(self.worst_at_least, self.worst_at_most)
        if own != Limits() or worst != Limits():
            yield Gate(self.metric, own, worst, self.confidence)
        if self.max_drop is not None or self.max_rise is not None:
            least = None if self.max_drop is None else -self.max_drop
            yield Gate(self.metric, Limits(least, self.max_rise, Compare.DIFFERENCE), confidence=self.confidence)

    @property
    def relative(self) -> bool:
        """Whether it needs a baseline."""
        return self.max_drop is not None or self.max_rise is not None


@dataclass(frozen=True)
class Judgement:
    """What the gates say of a run: each of them, all together, and what should be known of the scores."""

    verdict: Verdict
    said: tuple[Said, ...]
    notes: tuple[str, ...]


def judgement(run: RunFolder, baseline: RunFolder | None, wanted: Sequence[Wanted]) -> Judgement:
    """Return the verdict on a run. No data is never a pass; a line that failed turns a pass into inconclusive.

    Raises UsageError where a run is not completed, the two are over different data, no limit is given, a relative one
    lacks its baseline, or no line has the metric.
    """
    if baseline:
        _refuse_unlike(baseline, run)
    else:
        _refuse_unfinished(run)
    mine, theirs = scores_of(run), scores_of(baseline) if baseline else None
    gates = [gate for one in wanted for gate in _gates(one, mine, baseline)]
    said = tuple(one for gate in gates for one in judged(gate, mine, theirs))
    told = dict.fromkeys(text for gate in gates for text in notes(gate.metric, mine, theirs))
    return Judgement(worst_of([one.verdict for one in said]), said, tuple(told))


def _gates(wanted: Wanted, mine: Scores, baseline: RunFolder | None) -> tuple[Gate, ...]:
    gates = tuple(wanted.gates())
    if not gates:
        raise UsageError(f"no limit is given for {wanted.metric}", remedy="For example: --at-least 4")
    if wanted.relative and baseline is None:
        raise UsageError("--max-drop and --max-rise need a run to compare with", remedy="Name it: --baseline RUN")
    if wanted.metric not in mine.names():
        meant = nearest(wanted.metric, mine.names())
        remedy = f"Did you mean `{meant}`?" if meant else f"It has {', '.join(mine.names()) or 'none'}."
        raise UsageError(f"no line of the run has a number `{wanted.metric}`", remedy=remedy)
    return gates


def plain_judgement(found: Judgement) -> dict[str, Any]:
    """Return a judgement as JSON."""
    return {
        "verdict": found.verdict.value,
        "gates": [_plain_said(one) for one in found.said],
        "notes": list(found.notes),
    }


def _plain_said(said: Said) -> dict[str, Any]:
    ends = said.interval
    shown = {"mean": ends.mean, "low": ends.low, "high": ends.high, "lines": ends.cases} if ends else None
    return {
        "metric": said.metric,
        "of": said.of,
        "verdict": said.verdict.value,
        "says": said.says,
        "value": said.value,
        "interval": shown,
        "line": said.case or None,
    }


def plain_comparison(found: Comparison) -> dict[str, Any]:
    """Return a comparison as JSON."""
    return {
        "first": found.first,
        "second": found.second,
        "failed": list(found.failed),
        "metrics": [_plain_difference(one) for one in found.differences],
    }


def _plain_difference(one: Difference) -> dict[str, Any]:
    return {
        "metric": one.metric,
        "first": one.first,
        "second": one.second,
        "difference": one.second - one.first,
        "low": one.interval.low if one.interval else None,
        "high": one.interval.high if one.interval else None,
        "lines": one.lines,
        "says": one.says,
        "falls": [{"line": line, "first": before, "second": after} for line, before, after in one.falls],
    }


def rows(found: Comparison) -> list[tuple[str, ...]]:
    """Return a comparison as rows of a table: metric, both means, the difference with its interval, lines, words."""
    return [
        (one.metric, f"{one.first:.4g}", f"{one.second:.4g}", _shown(one), str(one.lines), one.says)
        for one in found.differences
    ]


HEAD: Final = ("metric", "first", "second", "difference", "lines", "second is")


def _shown(one: Difference) -> str:
    ends = f" ({one.interval.low:+.4g} to {one.interval.high:+.4g})" if one.interval else ""
    return f"{one.second - one.first:+.4g}{ends}"


def markdown(found: Comparison) -> str:
    """Return a comparison as Markdown, for a pull request."""
    head = f"| metric | {found.first} | {found.second} | difference (95 % sure) | lines | |"
    lines = [head, "|---|---|---|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows(found))]
    if any(found.failed):
        lines += ["", f"Lines that failed: {found.failed[0]} of {found.first}, {found.failed[1]} of {found.second}."]
    for one in (one for one in found.differences if one.falls):
        listed = ", ".join(f"line {line} {before:.4g} → {after:.4g}" for line, before, after in one.falls)
        lines += ["", f"{one.metric} falls most: {listed}."]
    return "\n".join(lines)


def _refuse_unlike(first: RunFolder, second: RunFolder) -> None:
    """Raise UsageError where the lines of two runs are not the same cases."""
    for one in (first, second):
        _refuse_unfinished(one)
    mine, theirs = (one.record() for one in (first, second))
    if mine["data"] and theirs["data"] and mine["data"]["sha256"] != theirs["data"]["sha256"]:
        raise UsageError(
            f"runs {first.name} and {second.name} are over different data, so their lines are no pairs",
            remedy="Run both over the same file.",
        )
    if _lines(mine) != _lines(theirs):
        raise UsageError(
            f"runs {first.name} and {second.name} have {_lines(mine)} and {_lines(theirs)} lines, so they are no pairs",
            remedy="Run both over the same data.",
        )


def _lines(record: Mapping[str, Any]) -> int:
    return int(record["lines"]["total"])


def _refuse_unfinished(run: RunFolder) -> None:
    status = run.record()["status"]
    if status != Status.COMPLETED:
        raise UsageError(f"run {run.name} is {status}", remedy=f"Finish it: sluice run create --resume {run.name}")
