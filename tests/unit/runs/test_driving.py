"""The loop of a run, with executors of our own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sluice.runs.driving import Drive, Tally, told
from sluice.runs.lines import Line
from sluice.runs.results import Aggregated, LineResult
from sluice.runs.store import RunFolder, Status
from sluice.spec.frozen import frozen_map


class Echo:
    """Answers with the inputs; fails lines that are told to; keeps at most `ahead` under way."""

    def __init__(self, bad: frozenset[int] = frozenset(), *, ahead: int = 2, aggregates: bool = False) -> None:
        self.aggregates = aggregates
        self.closed = False
        self.taken = 0
        self._bad, self._ahead = bad, ahead

    def results(self, lines: Iterator[Line], stop: Callable[[], bool]) -> Iterator[LineResult]:
        under_way: list[Line] = []
        for line in lines:
            self.taken += 1
            under_way.append(line)
            if len(under_way) > self._ahead:
                yield self._ended(under_way.pop())  # the newest first: out of order
            if stop():
                return
        yield from map(self._ended, under_way)

    def _ended(self, line: Line) -> LineResult:
        if line.number in self._bad:
            return LineResult(line, error="told to fail\nat some place")
        return LineResult(line, output=line.inputs, tokens=2)

    def aggregate(self, results: Path, stop: Callable[[], bool]) -> Aggregated:
        return Aggregated(frozen_map({"lines": len(results.read_text().splitlines())}))

    def close(self) -> None:
        self.closed = True


class Told:
    def __init__(self) -> None:
        self.tallies: list[Tally] = []

    def line(self, result: LineResult, tally: Tally) -> None:
        self.tallies.append(tally)

    def says(self, text: str) -> None:
        """Nobody looks."""


def some_lines(count: int, faulty: frozenset[int]) -> Iterator[Line]:
    for number in range(count):
        yield Line(number, frozen_map({"n": number}), "broken" if number in faulty else "")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 25), st.frozensets(st.integers(0, 24)), st.frozensets(st.integers(0, 24)), st.integers(0, 5))
def test_every_line_ends_once_whatever_the_order(
    tmp_path: Path, count: int, faulty: frozenset[int], bad: frozenset[int], ahead: int
) -> None:
    folder, executor, watcher = fresh(tmp_path), Echo(bad, ahead=ahead), Told()
    outcome = Drive(folder, executor, watcher, lambda: False).run(some_lines(count, faulty), Tally(count))
    failed = {number for number in range(count) if number in faulty | bad}
    assert [one["line"] for one in folder.rows()] == list(range(count))
    assert {one["line"] for one in folder.rows() if "error" in one} == failed
    assert outcome.tally == Tally(count, count - len(failed), len(failed), 2 * (count - len(failed)))
    assert [tally.done for tally in watcher.tallies] == list(range(1, count + 1))
    assert executor.closed
    assert outcome.status is Status.COMPLETED


def fresh(path: Path) -> RunFolder:
    folder = RunFolder(path)
    folder.journal.path.unlink(missing_ok=True)
    return folder


def test_a_stop_keeps_what_is_done_and_takes_no_more(tmp_path: Path) -> None:
    folder, executor = fresh(tmp_path), Echo(ahead=0, aggregates=True)
    stops = iter([False] * 4 + [True] * 100)
    outcome = Drive(folder, executor, Told(), lambda: next(stops)).run(some_lines(1000, frozenset()), Tally(1000))
    assert outcome.status is Status.CANCELLED
    assert executor.closed
    assert executor.taken < 10
    assert outcome.aggregated is None
    assert len(folder.journal.done().good) == outcome.tally.good


def test_the_aggregation_sees_all_results_and_none_runs_where_no_line_succeeded(tmp_path: Path) -> None:
    done = Drive(fresh(tmp_path), Echo(aggregates=True), Told(), lambda: False).run(
        some_lines(5, frozenset()), Tally(5)
    )
    assert done.aggregated == Aggregated({"lines": 5})
    none = Drive(fresh(tmp_path), Echo(aggregates=True), Told(), lambda: False).run(
        some_lines(3, frozenset(range(3))), Tally(3)
    )
    assert none.aggregated is None


def test_lines_are_taken_as_they_are_needed(tmp_path: Path) -> None:
    executor = Echo(ahead=3)
    drawn = []

    def drawing() -> Iterator[Line]:
        for line in some_lines(50, frozenset()):
            drawn.append(line.number)
            yield line

    results = executor.results(drawing(), lambda: False)
    next(results)
    assert len(drawn) == 4


def test_a_result_is_told_in_one_line() -> None:
    line = Line(4)
    assert told(LineResult(line, error="bad\ntraceback")) == "line 4: failed: bad"
    assert told(LineResult(line, output={"a": "é"})) == 'line 4: {"a": "é"}'
