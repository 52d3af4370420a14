"""What evaluations print: all that can be wrong with it is told, and nothing of it raises."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.judging.scores import ANY, Printed, merged, read

TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["id", "metrics", "cases", "x"]), inner)
    ),
    max_leaves=20,
)


def printed(value: Any) -> Printed:
    found = read(json.dumps(value))
    assert isinstance(found, Printed), found
    return found


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "printed nothing"),
        ("  \n ", "printed nothing"),
        ("all is well", "printed no JSON, but all is well"),
        ("4.2", 'printed JSON without "metrics" and "cases": 4.2'),
        ("[" * 100_000, "printed no JSON, but"),
        ('{"score": 4}', 'printed JSON without "metrics"'),
    ],
)
def test_what_is_no_scores_is_told(text: str, says: str) -> None:
    found = read(text)
    assert isinstance(found, str)
    assert found.startswith(says)


def test_a_command_may_say_something_before_its_last_line() -> None:
    found = read('loading...\n{"progress": 1}\n{"metrics": {"f1": 0.5}}\n')
    assert isinstance(found, Printed)
    assert dict(found.numbers) == {"f1": 0.5}


@pytest.mark.parametrize("value", ["4", "high", None, [4], {"mean": 4}, float("nan"), float("inf"), 10**400])
def test_what_is_not_a_number_is_a_fault_of_its_metric(value: object) -> None:
    found = printed({"cases": [{"id": "1", "metrics": {"f1": value, "ok": True}}]})
    assert found.cases == (("1", {"ok": 1.0}),)
    (fault,) = found.faults
    assert fault.metric == "f1"
    assert 'f1 of case "1" is' in fault.says


@pytest.mark.parametrize(
    ("cases", "says"),
    [
        ([{"metrics": {"f1": 1}}], "case 1 has no id"),
        ([{"id": "a"}, 7], "case 2 is not an object"),
        ([{"id": True, "metrics": {}}], "case 1 has no id"),
        ([{"id": "a", "metrics": [1]}], '"metrics" of case "a" is not an object'),
        ({"a": 1}, '"cases" is not a list'),
        ([{"id": "a"}, {"id": "b"}, {"id": "a"}], 'the id "a" comes twice in one run'),
        ([{"id": 1}, {"id": "1"}], 'the id "1" comes twice in one run'),
    ],
)
def test_cases_that_can_not_be_told_apart_or_read_are_faults(cases: object, says: str) -> None:
    faults = printed({"cases": cases}).faults
    assert (ANY, says) in {(fault.metric, fault.says) for fault in faults}


def test_runs_are_merged_by_case() -> None:
    runs = [printed({"cases": [{"id": "a", "metrics": {"f1": n}}, {"id": n, "metrics": {}}]}) for n in (1, 2)]
    found = merged(runs)
    assert found.answers("f1") == {"a": (1.0, 2.0)}
    assert set(found.cases) == {"a", "1", "2"}
    assert (found.runs, found.names()) == (2, ("f1",))


@given(TREES)
def test_nothing_that_is_printed_raises(value: object) -> None:
    found = read(json.dumps(value))
    assert isinstance(found, str) or merged([found, found]).runs == 2
