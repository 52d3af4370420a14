"""What a run says in numbers: the numeric outputs of its lines, and the metrics of its aggregation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from sluice.judging.intervals import Interval, interval
from sluice.judging.scores import Fault, Printed, Scores, is_number, merged
from sluice.runs.details import short
from sluice.runs.store import RunFolder
from sluice.spec.frozen import frozen_map


@dataclass(frozen=True)
class Mean:
    """The mean of an output over the lines that have it, and where it may lie; None where the lines can't tell."""

    metric: str
    mean: float
    cases: int
    interval: Interval | None

    def shown(self) -> tuple[str, str, str]:
        """Return mean, lowest and highest as text."""
        found = self.interval
        ends = (f"{found.low:.4g}", f"{found.high:.4g}") if found else ("", "")
        return (f"{self.mean:.4g}", *ends)


def scores_of(folder: RunFolder) -> Scores:
    """Return the scores of a run: its lines are the cases; one that failed is a case without a score.

    An output that is no number is a fault of that metric, so that a gate on it is not passed by the others.
    """
    cases: list[tuple[str, Mapping[str, float]]] = []
    faults: list[Fault] = []
    for row in folder.rows():
        output = row.get("output") or {}
        cases.append((str(row["line"]), {name: float(value) for name, value in output.items() if is_number(value)}))
        faults += [
            Fault(name, f"{name} of line {row['line']} is {short(value)}, not a number")
            for name, value in output.items()
            if not is_number(value)
        ]
    numbers = {name: float(value) for name, value in folder.metrics().items() if is_number(value)}
    return merged([Printed(tuple(cases), frozen_map(numbers), _bounded(faults))])


def _bounded(faults: list[Fault]) -> tuple[Fault, ...]:
    """Return the first faults of each metric: all of a text output's would say the same."""
    found: dict[str, list[Fault]] = {}
    for fault in faults:
        of_metric = found.setdefault(fault.metric, [])
        of_metric += [fault] if len(of_metric) < 3 else []
    return tuple(fault for listed in found.values() for fault in listed)


def means(scores: Scores) -> tuple[Mean, ...]:
    """Return the mean of every output that is a number in some line."""
    return tuple(_mean(metric, scores) for metric in scores.names() if scores.answers(metric))


def _mean(metric: str, scores: Scores) -> Mean:
    values = [fmean(answers) for answers in scores.answers(metric).values()]
    return Mean(metric, fmean(values), len(values), interval(values, shares=shares(values)))


def shares(values: list[float]) -> bool:
    """Tell whether values are all 0 or 1."""
    return all(value in {0.0, 1.0} for value in values)


def plain_means(found: tuple[Mean, ...]) -> dict[str, Any]:
    """Return means as JSON."""
    return {
        one.metric: {
            "mean": one.mean,
            "low": one.interval.low if one.interval else None,
            "high": one.interval.high if one.interval else None,
            "lines": one.cases,
        }
        for one in found
    }


def printed(folder: RunFolder) -> dict[str, Any]:
    """Return a run's scores as an evaluation of a rollout's step reads them."""
    scores = scores_of(folder)
    cases = [
        {"id": case, "metrics": {name: answers[0] for name, answers in found.items()}}
        for case, found in scores.cases.items()
    ]
    return {"metrics": {name: values[0] for name, values in scores.numbers.items()}, "cases": cases}
