"""Differences between what is live and what is wanted, as data."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from pulumi.provider.experimental.property_value import PropertyValue

from sluice_infra.provider.differ import compare
from sluice_infra.provider.values import UNKNOWN, Plain, has_unknown, to_plain, to_wire

LEAVES = st.none() | st.booleans() | st.integers(-(2**50), 2**50) | st.text(max_size=5) | st.just(0.5)
TREES = st.recursive(
    LEAVES, lambda child: st.lists(child, max_size=3) | st.dictionaries(st.text(max_size=3), child, max_size=3)
)
NAMES = ("name", "weights", "tags")
STATES = st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, TREES))


@given(STATES)
def test_nothing_differs_from_itself(state: Plain) -> None:
    found = compare(state | {"output": 1}, state, inputs=NAMES, replace=frozenset(NAMES))
    assert not found.changes
    assert (found.detailed_diff, found.replaces, found.diffs) == ({}, [], [])


@given(STATES, STATES)
def test_exactly_the_inputs_that_differ_are_named(state: Plain, wanted: Plain) -> None:
    found = compare(state, wanted, inputs=NAMES, replace=frozenset({"name"}))
    differing = {key for key in NAMES if state.get(key) != wanted.get(key)}
    assert set(found.diffs) == differing
    assert found.changes == bool(differing) == bool(found.detailed_diff)
    assert bool(found.replaces) == ("name" in differing)
    assert all("REPLACE" in found.detailed_diff[path].kind.name for path in found.replaces)


@given(STATES, st.sampled_from(NAMES))
def test_what_is_not_known_yet_differs_from_everything(state: Plain, name: str) -> None:
    assert name in compare(state, state | {name: UNKNOWN}, inputs=NAMES, replace=frozenset()).diffs
    assert has_unknown({"a": [{"b": UNKNOWN}]})


@given(st.dictionaries(st.sampled_from(NAMES), TREES))
def test_values_come_back_over_the_wire_as_they_were(values: Plain) -> None:
    sent = PropertyValue.marshal_map(to_wire(values, frozenset({"tags"})))
    back = to_plain(PropertyValue.unmarshal_map(sent))
    # As text: True is not 1, and 1 is not 1.0.
    assert json.dumps(back, sort_keys=True) == json.dumps(values, sort_keys=True)


def test_a_key_with_a_dot_in_it_is_one_step_of_a_path() -> None:
    old: Plain = {"tags": {"team": "plants", "azureml.mode": "chat", 'say "x"': "1"}}
    found = compare(old, {"tags": {"team": "trees"}}, inputs=("tags",), replace=frozenset({"tags"}))
    assert set(found.detailed_diff) == {"tags.team", 'tags["azureml.mode"]', 'tags["say \\"x\\""]'}
    assert found.diffs == ["tags"]
    assert set(found.replaces) == set(found.detailed_diff)
