"""Routings: what may be set, and that they come back from plain data as they were."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import TrafficRefused
from sluice.spec.frozen import frozen_map
from sluice.traffic.router import Cohort, Routing, as_routing, check_cohort, check_routing, plain_routing

SHARES = st.dictionaries(st.sampled_from(["blue", "green"]), st.integers(0, 100)).map(frozen_map)
COHORTS = st.builds(
    Cohort,
    deployment=st.sampled_from(["blue", "green"]),
    header=st.sampled_from(["", "x-beta", "X-User"]),
    values=st.lists(st.text(max_size=4), max_size=3).map(tuple),
    percent=st.integers(0, 100),
)


@given(st.builds(Routing, SHARES, SHARES, st.none() | COHORTS))
def test_a_routing_comes_back_as_it_was(routing: Routing) -> None:
    assert as_routing(json.loads(json.dumps(plain_routing(routing)))) == routing


def test_what_was_written_before_there_were_cohorts_is_read() -> None:
    assert as_routing({"weights": {"blue": 100}, "mirror": {}}) == Routing(frozen_map({"blue": 100}))


def test_a_cohort_is_of_a_deployment_that_exists() -> None:
    check_cohort(None, [], "shop")
    check_cohort(Cohort("green", "X-Beta", ("a", "ä b"), 100), ["blue", "green"], "shop")
    with pytest.raises(TrafficRefused, match="cohort names gren, which does not exist") as refused:
        check_cohort(Cohort("gren"), ["blue", "green"], "shop")
    assert refused.value.remedy == "Did you mean green?"


@pytest.mark.parametrize("percent", [-1, 101, 0.5, True])
def test_a_cohort_is_a_whole_percentage(percent: int) -> None:
    with pytest.raises(TrafficRefused, match="cohort of green is"):
        check_cohort(Cohort("green", percent=percent), ["green"], "shop")


@pytest.mark.parametrize("name", ["x beta", "x:beta", ":path", "x-béta", "x\nbeta", "azureml-Model-Deployment"])
def test_a_cohort_has_a_header_that_can_be(name: str) -> None:
    with pytest.raises(TrafficRefused, match="endpoint shop: "):
        check_cohort(Cohort("green", name), ["green"], "shop")


def test_a_cohort_has_values_that_a_header_can_have() -> None:
    with pytest.raises(TrafficRefused, match="no header can have the value"):
        check_cohort(Cohort("green", "x-beta", ("yes", "a\r\nb")), ["green"], "shop")


def test_a_routing_is_checked_as_a_whole() -> None:
    existing = ["blue", "green"]
    check_routing(Routing({"blue": 100}, {"green": 10}, Cohort("green")), existing, "shop")
    with pytest.raises(TrafficRefused, match="sums to 90"):
        check_routing(Routing({"blue": 90}), existing, "shop")
    with pytest.raises(TrafficRefused, match="mirror_traffic of green is 60"):
        check_routing(Routing({"blue": 100}, {"green": 60}), existing, "shop")
    with pytest.raises(TrafficRefused, match="cohort names red"):
        check_routing(Routing({"blue": 100}, {}, Cohort("red")), existing, "shop")
