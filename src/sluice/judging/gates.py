"""Gates on noisy scores: their means over cases, and their worst cases. Pure.

Cases are what is drawn at random, so they are what is counted: the answers of a case (repeats) are averaged first,
for asking the same question five times tells no more about other questions. A gate on a mean passes when its whole
interval (see `intervals`) is within the limits, fails when it is wholly outside one, and is inconclusive else. The
chance that a deployment whose true mean just meets a limit fails it is (1 - confidence) / 2. A worst case is held
against its limits as it is, by its mean over the repeats; a single number without cases too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from sluice.judging.intervals import Interval, interval, related
from sluice.judging.scores import ANY, Scores
from sluice.judging.verdicts import Verdict
from sluice.spec.rollout import Compare, Gate, Limits


@dataclass(frozen=True)
class Said:
    """What one limit of a gate says; `interval` is None where there is none, or for the worst case."""

    metric: str
    of: str
    verdict: Verdict
    says: str
    value: float | None = None
    interval: Interval | None = None
    case: str = ""


def judged(gate: Gate, green: Scores, stable: Scores | None) -> tuple[Said, ...]:
    """Return what the gate says: of the mean, and of the worst case, as far as it has limits for them.

    Faults in the new deployment's scores (a missing case, an id that comes twice, text, NaN) turn a pass into
    inconclusive: what is missing may be what went wrong. Faults in the stable one's are told only.
    """
    found = []
    if _limited(gate.mean):
        found.append(_of_mean(gate, green, stable))
    if _limited(gate.worst):
        found.append(_of_worst(gate, green, stable))
    return tuple(_with_faults(one, faults(gate.metric, green, stable)) for one in found)


def faults(metric: str, green: Scores, stable: Scores | None) -> tuple[str, ...]:
    """Return all that is wrong with the new deployment's scores of one metric, for people."""
    told = [fault.says for fault in green.faults if fault.metric in {ANY, metric}]
    answered = green.answers(metric)
    known = dict.fromkeys([*green.cases, *(stable.cases if stable else ())])
    missing = [case for case in known if case not in answered]
    if missing and (answered or metric not in green.numbers):
        told.append(f"no {metric} of {_named(missing)}")
    return tuple(told)


def notes(metric: str, green: Scores, stable: Scores | None) -> tuple[str, ...]:
    """Return what should be known of the scores, but holds nothing up."""
    told = [_fewer(metric, green, "new")] if green.runs > 1 else []
    if stable is not None:
        told += [f"stable: {fault.says}" for fault in stable.faults if fault.metric in {ANY, metric}]
        known, answered = green.answers(metric), stable.answers(metric)
        if answered and (missing := [case for case in known if case not in answered]):
            told.append(f"stable: no {metric} of {_named(missing)}, left out of the comparison")
        told.append(_fewer(metric, stable, "stable"))
    return tuple(text for text in told if text)


def _fewer(metric: str, scores: Scores, which: str) -> str:
    few = [case for case, found in scores.answers(metric).items() if len(found) < scores.runs]
    return f"{which}: fewer than {scores.runs} answers of {_named(few)}" if few else ""


def _limited(limits: Limits) -> bool:
    return limits.at_least is not None or limits.at_most is not None


def _with_faults(said: Said, wrong: Sequence[str]) -> Said:
    if not wrong:
        return said
    verdict = Verdict.INCONCLUSIVE if said.verdict is Verdict.PASS else said.verdict
    return replace(said, verdict=verdict, says=f"{said.says}; {'; '.join(wrong)}")


def _of_mean(gate: Gate, green: Scores, stable: Scores | None) -> Said:
    relative = gate.mean.compare is not Compare.VALUE
    mine, theirs = green.answers(gate.metric), stable.answers(gate.metric) if stable else {}
    cases = [case for case in mine if not relative or case in theirs]
    if not mine and gate.metric in green.numbers:
        return _of_number(gate, green.numbers[gate.metric], stable)
    if not cases:
        return _no_data(gate, "mean", green, "the stable deployment has no score of the same cases" if mine else "")
    found = interval(
        [fmean(mine[case]) for case in cases],
        [fmean(theirs[case]) for case in cases] if relative else None,
        compare=gate.mean.compare,
        confidence=gate.confidence,
        shares=_shares([*(mine[case] for case in cases), *(theirs[case] for case in cases if relative)]),
    )
    return _of_interval(gate, found, [fmean(mine[case]) for case in cases])


def _of_interval(gate: Gate, found: Interval | None, scores: Sequence[float]) -> Said:
    what = _what(gate.metric, "mean", gate.mean)
    if found is None:
        near = " (or the stable mean is too near 0)" if gate.mean.compare is Compare.RATIO else ""
        seen = f"{_count(len(scores))} (mean {fmean(scores):.4g})"
        says = f"{what}: {seen} can't tell how far other cases differ{near}"
        return Said(gate.metric, "mean", Verdict.INCONCLUSIVE, says)
    verdict, words = _held_against(gate.mean, found.low, found.high)
    sure = f"{gate.confidence * 100:.4g} % sure, {_count(found.cases)}"
    seen = f"{found.mean:.4g} ({found.low:.4g} to {found.high:.4g}, {sure})"
    return Said(gate.metric, "mean", verdict, f"{what} {seen} {words}", found.mean, found)


def _of_number(gate: Gate, mine: Sequence[float], stable: Scores | None) -> Said:
    theirs = stable.numbers.get(gate.metric, ()) if stable else ()
    if gate.mean.compare is not Compare.VALUE and not theirs:
        return Said(gate.metric, "mean", Verdict.INCONCLUSIVE, f"{gate.metric}: no score of the stable deployment")
    value = related(gate.mean.compare, fmean(mine), fmean(theirs) if theirs else 0.0)
    what = _what(gate.metric, "number", gate.mean)
    if value is None:
        return Said(gate.metric, "mean", Verdict.INCONCLUSIVE, f"{what}: the stable deployment's is not above 0")
    verdict, words = _held_against(gate.mean, value, value)
    return Said(gate.metric, "mean", verdict, f"{what} {value:.4g} (no cases, so no interval) {words}", value)


def _of_worst(gate: Gate, green: Scores, stable: Scores | None) -> Said:
    """Judge the worst case by its own mean over the repeats; there is no interval over one case."""
    mine, theirs = green.answers(gate.metric), stable.answers(gate.metric) if stable else {}
    relative = gate.worst.compare is not Compare.VALUE
    values: dict[str, float] = {}
    for case, answers in mine.items():
        if not relative or case in theirs:
            value = related(gate.worst.compare, fmean(answers), fmean(theirs[case]) if relative else 0.0)
            if value is not None:
                values[case] = value
    if not values:
        return _no_data(gate, "worst case", green, "no case can be compared with the stable deployment" if mine else "")
    case = max(values, key=lambda one: _outside(gate.worst, values[one]))
    verdict, words = _held_against(gate.worst, values[case], values[case])
    others = sum(_outside(gate.worst, value) > 0 for value in values.values()) - 1
    seen = f'{values[case]:.4g} of "{case}" ({_answers(mine[case], theirs.get(case, ()))})'
    more = f", and so {'is' if others == 1 else 'are'} {others} more" if verdict is Verdict.FAIL and others else ""
    says = f"{_what(gate.metric, 'worst case', gate.worst)} {seen} {words}{more}"
    return Said(gate.metric, "worst", verdict, says, values[case], case=case)


def _no_data(gate: Gate, of: str, green: Scores, why: str) -> Said:
    if not why:
        names = ", ".join(green.names()[:10])
        why = (
            f"a single number has no {of}" if gate.metric in green.numbers else f"no such score; found: {names or '-'}"
        )
    return Said(gate.metric, of.partition(" ")[0], Verdict.INCONCLUSIVE, f"{gate.metric} {of}: {why}")


def _held_against(limits: Limits, low: float, high: float) -> tuple[Verdict, str]:
    """Return the verdict on a number that lies from `low` to `high`, and the words that end the sentence."""
    least, most = limits.at_least, limits.at_most
    if least is not None and high < least:
        return Verdict.FAIL, f"is under {least:.6g}"
    if most is not None and low > most:
        return Verdict.FAIL, f"is over {most:.6g}"
    if least is not None and low < least:
        return Verdict.INCONCLUSIVE, f"may be under {least:.6g}, or not"
    if most is not None and high > most:
        return Verdict.INCONCLUSIVE, f"may be over {most:.6g}, or not"
    ends = [f"at least {least:.6g}"] if least is not None else []
    return Verdict.PASS, "is " + " and ".join([*ends, *([f"at most {most:.6g}"] if most is not None else [])])


def _outside(limits: Limits, value: float) -> float:
    """Return how far a value is beyond the nearer limit; negative inside."""
    under = limits.at_least - value if limits.at_least is not None else -math.inf
    over = value - limits.at_most if limits.at_most is not None else -math.inf
    return max(under, over)


def _shares(answers: Sequence[Sequence[float]]) -> bool:
    return all(one in {0.0, 1.0} for case in answers for one in case)


def _what(metric: str, of: str, limits: Limits) -> str:
    relation = {
        Compare.VALUE: "",
        Compare.DIFFERENCE: " less the stable one's",
        Compare.RATIO: " by the stable one's",
    }[limits.compare]
    return f"{metric}: {of}{relation}"


def _answers(mine: Sequence[float], theirs: Sequence[float]) -> str:
    listed = f"answers {_listed(mine)}" if len(mine) > 1 else f"answer {_listed(mine)}"
    return f"{listed}; stable {_listed(theirs)}" if theirs else listed


def _listed(values: Sequence[float]) -> str:
    more = f" and {len(values) - 10} more" if len(values) > 10 else ""
    return ", ".join(f"{value:.4g}" for value in values[:10]) + more


def _named(cases: Sequence[str]) -> str:
    names = ", ".join(f'"{case}"' for case in cases[:5])
    more = f" and {len(cases) - 5} more" if len(cases) > 5 else ""
    return f"{_count(len(cases))} ({names}{more})"


def _count(cases: int) -> str:
    return "1 case" if cases == 1 else f"{cases} cases"
