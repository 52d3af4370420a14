"""What evaluations print, read: the answers of each case by metric, and all that is wrong with them. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sluice.spec.frozen import frozen_map

ANY = ""
"""Stands for every metric, where a fault is not about one."""

_LONGEST_ID = 200


@dataclass(frozen=True)
class Fault:
    """Something wrong with what was printed, about one metric or (`ANY`) all of them."""

    metric: str
    says: str


@dataclass(frozen=True)
class Printed:
    """One run's output: its cases in order (an id may come twice), its single numbers, and its faults."""

    cases: tuple[tuple[str, Mapping[str, float]], ...] = ()
    numbers: Mapping[str, float] = field(default_factory=frozen_map)
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True)
class Scores:
    """What all runs of one deployment gave.

    Attributes:
        cases: by id, by metric: every answer, in the order of the runs; a case without an answer is there too.
        numbers: by metric, the single number of each run.
        runs: how many runs there were.
        faults: each once.
    """

    cases: Mapping[str, Mapping[str, tuple[float, ...]]] = field(default_factory=frozen_map)
    numbers: Mapping[str, tuple[float, ...]] = field(default_factory=frozen_map)
    runs: int = 0
    faults: tuple[Fault, ...] = ()

    def answers(self, metric: str) -> Mapping[str, tuple[float, ...]]:
        """Return the answers of every case that has some."""
        return {case: found for case, metrics in self.cases.items() if (found := metrics.get(metric, ()))}

    def names(self) -> tuple[str, ...]:
        """Return the names of all metrics."""
        of_cases = [name for metrics in self.cases.values() for name in metrics]
        return tuple(dict.fromkeys([*self.numbers, *of_cases]))


def read(output: str) -> Printed | str:
    """Return what an evaluation printed, or why it can't be read, as the rest of a sentence.

    All of the output is JSON, or its last line that is not empty is: a command may have said something before.
    """
    text = output.strip()
    if not text:
        return "printed nothing"
    found = _parsed(text)
    if found is None:
        found = _parsed(text.splitlines()[-1])
    if found is None:
        return f"printed no JSON, but {_short(text)}"
    if not isinstance(found, dict) or not {"metrics", "cases"} & found.keys():
        return f'printed JSON without "metrics" and "cases": {_short(text)}'
    return _printed(found)


def merged(runs: Sequence[Printed]) -> Scores:
    """Return what the runs of one deployment gave together."""
    cases: dict[str, dict[str, list[float]]] = {}
    numbers: dict[str, list[float]] = {}
    for run in runs:
        for case, metrics in run.cases:
            known = cases.setdefault(case, {})
            _append(known, metrics)
        _append(numbers, run.numbers)
    return Scores(
        frozen_map({case: frozen_map({k: tuple(v) for k, v in known.items()}) for case, known in cases.items()}),
        frozen_map({name: tuple(values) for name, values in numbers.items()}),
        len(runs),
        tuple(dict.fromkeys(fault for run in runs for fault in run.faults)),
    )


def _append(to: dict[str, list[float]], metrics: Mapping[str, float]) -> None:
    for name, value in metrics.items():
        to.setdefault(name, []).append(value)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _printed(found: Mapping[str, Any]) -> Printed:
    numbers, faults = _numbers(found.get("metrics") or {}, "")
    listed = found.get("cases") or []
    if not isinstance(listed, list):
        return Printed((), numbers, (*faults, Fault(ANY, '"cases" is not a list')))
    cases: list[tuple[str, Mapping[str, float]]] = []
    for position, one in enumerate(listed, 1):
        case, metrics, wrong = _case(one, position)
        faults = (*faults, *wrong)
        if case is not None:
            cases.append((case, metrics))
    return Printed(tuple(cases), numbers, (*faults, *_twice(case for case, _ in cases)))


def _case(one: Any, position: int) -> tuple[str | None, Mapping[str, float], tuple[Fault, ...]]:
    if not isinstance(one, dict):
        return None, {}, (Fault(ANY, f"case {position} is not an object"),)
    case = one.get("id")
    if isinstance(case, bool) or not isinstance(case, str | int) or case == "":
        return None, {}, (Fault(ANY, f"case {position} has no id"),)
    name = str(case)[:_LONGEST_ID]
    metrics, faults = _numbers(one.get("metrics") or {}, f' of case "{name}"')
    return name, metrics, faults


def _numbers(metrics: Any, of: str) -> tuple[Mapping[str, float], tuple[Fault, ...]]:
    """Return the metrics that are numbers, and a fault for each other. True and false count as 1 and 0."""
    if not isinstance(metrics, dict):
        return {}, (Fault(ANY, f'"metrics"{of} is not an object'),)
    good = {name: float(value) for name, value in metrics.items() if is_number(value)}
    bad = [name for name in metrics if name not in good]
    return good, tuple(Fault(name, f"{name}{of} is {_short(json.dumps(metrics[name]))}, not a number") for name in bad)


def is_number(value: Any) -> bool:
    """Tell whether a JSON value is a number that can be reckoned with: not NaN, not infinite, not beyond a float."""
    try:
        return isinstance(value, bool | int | float) and math.isfinite(value)
    except OverflowError:
        return False


def _twice(cases: Iterable[str]) -> tuple[Fault, ...]:
    seen: set[str] = set()
    again = [case for case in cases if case in seen or seen.add(case)]  # type: ignore[func-returns-value]
    return tuple(Fault(ANY, f'the id "{case}" comes twice in one run') for case in dict.fromkeys(again))


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 120 else f"{line[:117]}..."
