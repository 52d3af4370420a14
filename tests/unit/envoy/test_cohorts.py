"""Cohorts: which cookies are in, for which share, and the routes that follow."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.errors import TrafficRefused
from sluice.targets.local.envoy.cohorts import COOKIE, members
from sluice.targets.local.envoy.desired import Backend
from sluice.targets.local.envoy.routes import remembered, route_configuration
from sluice.traffic.router import Cohort, Routing

ALL = {name: Backend(name, (port,)) for name, port in (("blue", 1), ("green", 2))}
UUID = "-1b2c-4d3e-8f00-0123456789ab"
FRACTIONS = range(0, 4096, 16)
PERCENTS = st.integers(1, 100)


def routes(routing: Routing, deployments: dict[str, Backend] = ALL) -> list[dict[str, Any]]:
    configuration = json.loads(json.dumps(route_configuration("shop", deployments, routing)))
    assert remembered(configuration)[2].cohort == routing.cohort
    return [one for one in configuration["virtual_hosts"][0]["routes"] if not one["name"].startswith(("named", "unk"))]


def cookie(low: int, high: int, fraction: int, deployment: str = "green") -> str:
    return f"{deployment}.{low}-{high}.{fraction:03x}{UUID}"


def is_in(percent: int, value: str) -> bool:
    return re.fullmatch(members(Cohort("green", percent=percent)), value) is not None


@pytest.fixture
def drawn() -> list[tuple[int, int, int]]:
    """Callers who drew when the cohort had 20 percent, evenly."""
    return [(0, 20, fraction) for fraction in FRACTIONS][::4] + [(20, 100, fraction) for fraction in FRACTIONS]


@pytest.mark.parametrize("percent", [1, 10, 20, 21, 50, 99, 100])
def test_a_cohort_of_another_size_has_its_share_of_those_who_drew_before(
    percent: int, drawn: list[tuple[int, int, int]]
) -> None:
    share = sum(is_in(percent, cookie(*one)) for one in drawn) / len(drawn)
    assert share == pytest.approx(percent / 100, abs=0.02)


@settings(max_examples=200)
@given(PERCENTS, PERCENTS, PERCENTS, st.integers(0, 4095), st.booleans())
def test_a_cohort_that_grows_keeps_all_it_had(at: int, one: int, other: int, fraction: int, within: bool) -> None:
    value = cookie(0, at, fraction) if within else cookie(at % 100, 100, fraction)
    less, more = sorted((one, other))
    assert not is_in(less, value) or is_in(more, value)


@given(PERCENTS, st.integers(0, 4095))
def test_who_was_drawn_in_is_in_and_who_was_not_is_out(percent: int, fraction: int) -> None:
    assert is_in(percent, cookie(0, percent, fraction))
    assert percent == 100 or not is_in(percent, cookie(percent, 100, fraction))


@pytest.mark.parametrize(
    "value", ["", "green", "green.0-20", "red.0-20.000", "green.0-20.xyz", "xgreen.0-20.000", "green.0-20.000;"]
)
def test_other_cookies_are_not_in(value: str) -> None:
    assert not is_in(50, value)


def test_without_a_cohort_the_routes_are_as_they_were() -> None:
    assert [one["name"] for one in routes(Routing({"blue": 90, "green": 10}))] == ["live.blue", "live.green"]
    assert COOKIE not in json.dumps(routes(Routing({"blue": 100})))


def test_a_header_alone_draws_nobody() -> None:
    found = routes(Routing({"blue": 100}, {}, Cohort("green", "X-Beta", ("me", "you"))))
    assert [one["name"] for one in found] == ["cohort.green", "cohort.green", "live.blue"]
    named = [one["match"]["headers"][0] for one in found[:2]]
    assert named == [{"name": "x-beta", "string_match": {"exact": value}} for value in ("me", "you")]
    assert COOKIE not in json.dumps(found)


def test_a_header_without_values_is_enough_by_being_there() -> None:
    first, _ = routes(Routing({"blue": 100}, {}, Cohort("green", "x-beta")))
    assert first["match"]["headers"] == [{"name": "x-beta", "present_match": True}]
    assert first["metadata"]["filter_metadata"]["sluice"] == {"deployment": "green", "kind": "cohort"}


def test_values_without_a_header_tell_nobody() -> None:
    assert [one["name"] for one in routes(Routing({"blue": 100}, {}, Cohort("green", "", ("me",))))] == ["live.blue"]


def test_a_share_draws_once_and_gives_each_side_its_cookie() -> None:
    found = routes(Routing({"blue": 60, "green": 40}, {}, Cohort("green", percent=20)))
    names = [one["name"] for one in found]
    assert names == ["cohort.green", "cohort.green", "live.blue", "live.green", "live.blue", "live.green"]
    given = [[one["header"]["value"] for one in route["response_headers_to_add"][1:]] for route in found]
    attributes = "%UNIQUE_ID%; Path=/; HttpOnly; SameSite=Lax"
    inside, outside = f"sluice-cohort=green.0-20.{attributes}", f"sluice-cohort=green.20-100.{attributes}"
    assert given == [[], [inside], [outside], [outside], [], []]
    # Nobody falls between the routes, whether a number was drawn or not.
    assert "runtime_fraction" not in found[3]["match"]
    assert "cookies" not in found[4]["match"]
    assert found[5]["match"] == {"prefix": "/"}


def test_all_callers_leave_nobody_outside_to_draw() -> None:
    found = routes(Routing({"blue": 100}, {}, Cohort("green", percent=100)))
    assert [one["name"] for one in found] == ["cohort.green", "cohort.green", "live.blue"]


def test_a_cohort_is_served_by_a_closed_endpoint_too() -> None:
    found = routes(Routing({"blue": 0}, {}, Cohort("green", "x-beta")))
    assert [one["name"] for one in found] == ["cohort.green", "closed"]


def test_a_cohort_has_the_scoring_path_of_its_deployment() -> None:
    other = {**ALL, "green": Backend("green", (2,), score_path="/invocations")}
    found = routes(Routing({"blue": 100}, {}, Cohort("green", "x-beta")), other)
    assert [one["match"].get("path") for one in found] == ["/score", None, None]
    assert found[0]["route"]["prefix_rewrite"] == "/invocations"


def test_a_cohort_needs_replicas() -> None:
    with pytest.raises(TrafficRefused, match="red has no replicas"):
        route_configuration("shop", ALL, Routing({"blue": 100}, {}, Cohort("red", "x-beta")))
