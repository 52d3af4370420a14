"""Lines of a run: data and base run paired by number; what failed before fails here, nothing drops out."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from sluice.runs.data import Row
from sluice.runs.lines import Sources, lines, without
from sluice.spec.frozen import frozen_map

NUMBERS = st.sets(st.integers(0, 30), max_size=15).map(sorted)
BOTH = {"mine": "${data.n}", "theirs": "${run.outputs.n}"}


def numbered(numbers: Iterable[int]) -> list[Row]:
    return [Row(number, frozen_map({"n": number})) for number in numbers]


@given(NUMBERS, NUMBERS)
def test_lines_are_those_of_the_base_run_each_with_its_own_data(ours: list[int], base: list[int]) -> None:
    found = list(lines(Sources(data=numbered(ours), outputs=numbered(base)), BOTH))
    assert [line.number for line in found] == base
    for line in found:
        if line.number in ours:
            assert line.inputs == {"mine": line.number, "theirs": line.number}
        else:
            assert line.fault == f"data has no line {line.number}"


def test_a_line_that_failed_in_the_base_run_fails_here() -> None:
    outputs = [Row(0, frozen_map({"n": 1})), Row(1, fault="line 1 of the base run failed: boom")]
    found = list(lines(Sources(outputs=outputs), {"n": "${run.outputs.n}"}))
    assert [line.fault for line in found] == ["", "line 1 of the base run failed: boom"]


def test_a_line_that_lacks_a_column_fails_and_the_others_run() -> None:
    found = list(lines(Sources(data=[Row(0), *numbered([1])]), {"n": "${data.n}"}))
    assert [(line.number, line.fault) for line in found] == [(0, "this line lacks `n` of the data"), (1, "")]


@given(NUMBERS, NUMBERS)
def test_going_on_leaves_out_what_is_done_and_nothing_else(ours: list[int], done: list[int]) -> None:
    found = without(lines(Sources(data=numbered(ours)), {"n": "${data.n}"}), set(done))
    assert [line.number for line in found] == [number for number in ours if number not in done]
