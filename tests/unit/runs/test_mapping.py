"""What fills a flow's inputs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import SpecError
from sluice.runs.mapping import DATA, INPUTS, OUTPUTS, completed, mapped, refuse_missing, sources, whole_line

NAMES = st.text("abcdef.", min_size=1, max_size=6).filter(lambda name: name.strip(".") == name)
SOURCES = st.sampled_from([DATA, OUTPUTS, INPUTS])
LINE: dict[str, dict[str, Any]] = {DATA: {"q": "why", "a.b": 1}, OUTPUTS: {"q": "because"}, INPUTS: {"q": "who"}}


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("${data.q}", "why"),
        ("${data.a.b}", 1),
        ("${run.outputs.q}", "because"),
        ("${run.inputs.q}", "who"),
        ("plain", "plain"),
        (7, 7),
        (None, None),
        ("a ${data.q}", "a ${data.q}"),
    ],
)
def test_references_are_followed_and_all_else_is_literal(value: Any, found: Any) -> None:
    assert mapped({"x": value}, LINE) == ({"x": found}, "")


@given(st.dictionaries(NAMES, st.tuples(SOURCES, NAMES), max_size=5))
def test_every_reference_is_either_filled_or_told(wanted: dict[str, tuple[str, str]]) -> None:
    mapping = {name: f"${{{source}.{column}}}" for name, (source, column) in wanted.items()}
    inputs, missing = mapped(mapping, LINE)
    assert sources(mapping) == {source for source, _ in wanted.values()}
    for name, (source, column) in wanted.items():
        assert (name in inputs) == (column in LINE[source])
        assert name in inputs or f"`{column}`" in missing


def test_inputs_without_mapping_and_default_take_the_datas_column_of_their_name() -> None:
    found = completed({"a": "${run.outputs.x}", "line_number": "${data.n}"}, {"a": False, "b": False, "c": True})
    assert found == {"a": "${run.outputs.x}", "b": "${data.b}"}


@given(st.lists(st.text("abcd", min_size=1), unique=True))
def test_a_whole_line_is_handed_on_as_it_is(columns: list[str]) -> None:
    line = {name: index for index, name in enumerate(columns)}
    assert mapped(whole_line(columns), {DATA: line}) == (line, "")


def test_a_column_that_no_line_has_is_refused_with_the_nearest_name() -> None:
    known = {DATA: ("question", "answer")}
    with pytest.raises(SpecError, match="no such column") as caught:
        refuse_missing({"q": "${data.qestion}"}, known)
    assert caught.value.remedy == "Did you mean `question`?"
    refuse_missing({"q": "${data.question}", "k": "literal"}, known)


def test_an_output_that_the_base_run_lacks_is_refused_and_a_missing_base_run_too() -> None:
    with pytest.raises(SpecError, match="base run's outputs, which has no such column") as caught:
        refuse_missing({"a": "${run.outputs.anwser}"}, {OUTPUTS: ("answer",)})
    assert caught.value.remedy == "Did you mean `answer`?"
    with pytest.raises(SpecError, match="this run has not") as caught:
        refuse_missing({"a": "${run.outputs.answer}"}, {DATA: ("q",)})
    assert caught.value.remedy == "Add `run`, the name of a finished run."
