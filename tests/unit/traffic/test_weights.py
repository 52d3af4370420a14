"""Weights: what may be set, and what is to be set."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import TrafficRefused, UsageError
from sluice.traffic.weights import check_mirror, check_weights, goal, left_alone, parse_assignments

NAMES = st.sampled_from(["blue", "green", "next", "old"])
WEIGHTS = st.dictionaries(NAMES, st.integers(-5, 105), max_size=4)


def accepts(weights: dict[str, int], existing: set[str]) -> bool:
    try:
        check_weights(weights, existing, "shop")
    except TrafficRefused:
        return False
    return True


@given(WEIGHTS, st.sets(NAMES))
def test_weights_are_accepted_when_every_rule_holds_and_only_then(weights: dict[str, int], existing: set[str]) -> None:
    known = set(weights) <= existing
    whole = all(0 <= weight <= 100 for weight in weights.values())
    assert accepts(weights, existing) == (known and whole and sum(weights.values()) in (0, 100))


@given(st.integers(0, 100))
def test_two_weights_that_make_a_hundred_are_accepted(weight: int) -> None:
    assert accepts({"blue": weight, "green": 100 - weight}, {"blue", "green"})


@pytest.mark.parametrize("weight", [True, 50.0, "100", None])
def test_a_weight_is_a_whole_number(weight: object) -> None:
    with pytest.raises(TrafficRefused, match="traffic of blue is"):
        check_weights({"blue": weight}, ["blue"], "shop")  # type: ignore[dict-item]


def test_a_refusal_names_the_nearest_deployment() -> None:
    with pytest.raises(TrafficRefused, match="names bleu, which does not exist") as refused:
        check_weights({"bleu": 100}, ["blue", "green"], "shop")
    assert refused.value.remedy == "Did you mean blue?"
    with pytest.raises(TrafficRefused) as refused:
        check_weights({"canary": 100}, ["green", "blue"], "shop")
    assert refused.value.remedy == "It has: blue, green."
    with pytest.raises(TrafficRefused) as refused:
        check_weights({"blue": 100}, [], "shop")
    assert refused.value.remedy == "It has no deployment yet."


@given(WEIGHTS, WEIGHTS)
def test_mirror_traffic_is_accepted_when_every_rule_holds_and_only_then(
    mirror: dict[str, int], weights: dict[str, int]
) -> None:
    existing = {"blue", "green", "next"}
    copied = {name for name, weight in mirror.items() if weight}
    allowed = (
        set(mirror) <= existing
        and all(0 <= weight <= 50 for weight in mirror.values())
        and len(copied) <= 1
        and not any(weights.get(name, 0) for name in copied)
    )
    try:
        check_mirror(mirror, weights, existing, "shop")
    except TrafficRefused:
        assert not allowed
    else:
        assert allowed


@given(WEIGHTS | st.none(), WEIGHTS | st.none(), st.sets(NAMES))
def test_the_goal_is_one_source_as_a_whole_with_zero_for_the_rest(
    spec: dict[str, int] | None, override: dict[str, int] | None, existing: set[str]
) -> None:
    wished = spec if override is None else override
    got = goal(spec, override, existing)
    if wished is None:
        assert got is None
        return
    assert got is not None
    assert set(got) == existing | set(wished)
    assert all(got[name] == wished.get(name, 0) for name in got)


def test_an_empty_override_closes_the_endpoint() -> None:
    assert goal({"blue": 100}, {}, ["blue"]) == {"blue": 0}


@given(WEIGHTS, st.sets(NAMES))
def test_live_weights_are_left_alone_unless_what_has_some_goes(live: dict[str, int], existing: set[str]) -> None:
    gone = {name for name, weight in live.items() if weight} - existing
    if gone:
        with pytest.raises(TrafficRefused, match="is to be removed"):
            left_alone(live, existing, "shop")
    else:
        assert left_alone(live, existing, "shop") == {name: live.get(name, 0) for name in existing}


@given(st.dictionaries(st.from_regex(r"[a-z][a-z0-9-]{2,30}", fullmatch=True), st.integers(0, 100)))
def test_assignments_are_read_as_they_were_written(weights: dict[str, int]) -> None:
    assert parse_assignments(f"{name}={weight}" for name, weight in weights.items()) == weights


@pytest.mark.parametrize("assignment", ["blue", "blue=", "=10", "blue=-1", "blue=ten", "blue=1.5", "blue=²", ""])
def test_what_is_no_assignment_is_refused(assignment: str) -> None:
    with pytest.raises(UsageError, match="is not a weight"):
        parse_assignments([assignment])


def test_a_deployment_is_given_one_weight() -> None:
    with pytest.raises(UsageError, match="blue is given twice"):
        parse_assignments(["blue=10", "blue=90"])
