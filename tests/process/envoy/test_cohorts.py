"""Callers who reach a deployment whatever the weights: by a header, or by a cookie that keeps a share of them there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from sluice.traffic.router import Cohort, Routing

if TYPE_CHECKING:
    from replica_server import Replica
    from tests.process.envoy.conftest import Answer, Door

    from sluice.targets.local.envoy.desired import Backend

pytestmark = pytest.mark.process

Doors = Callable[..., "Door"]
Replicas = Callable[..., "Replica"]
Backends = Callable[..., "Backend"]
CALLERS = 200


@pytest.fixture
def both(replica: Replicas, backend: Backends) -> tuple[Backend, Backend]:
    return backend("blue", replica("b")), backend("green", replica("g"))


def told(one: Door, **headers: str) -> str | None:
    return one.ask(headers={name.replace("_", "-"): value for name, value in headers.items()}).deployment


def met(one: Door, callers: list[str]) -> list[str | None]:
    """Ask once with each cookie; who answered."""
    return [told(one, cookie=cookie) for cookie in callers]


def test_a_header_and_its_allow_list_choose_the_deployment(door: Doors, both: tuple[Backend, Backend]) -> None:
    one = door(*both, blue=100, cohort=Cohort("green", "X-Beta", ("ann", "bob")))
    assert told(one, x_beta="ann") == told(one, X_BETA="bob") == "green"
    assert told(one, x_beta="eve") == told(one, x_beta="") == told(one) == "blue"
    one.router.set(Routing({"blue": 100}, {}, Cohort("green", "x-beta")))
    one.wait(lambda: told(one, x_beta="eve") == "green")
    assert told(one) == "blue"
    assert "set-cookie" not in one.ask(headers={"x-beta": "ann"}).headers
    one.router.set(Routing({"blue": 100}))
    one.wait(lambda: told(one, x_beta="ann") == "blue")


def test_the_deployment_that_a_request_names_wins_over_its_cohort(door: Doors, both: tuple[Backend, Backend]) -> None:
    one = door(*both, blue=100, cohort=Cohort("green", "x-beta", percent=100))
    assert told(one, x_beta="ann", azureml_model_deployment="blue") == "blue"
    unknown = one.ask(headers={"x-beta": "ann", "azureml-model-deployment": "red"})
    assert (unknown.status, unknown.code) == (404, "DeploymentNotFound")
    assert one.ask(key=None, headers={"x-beta": "ann"}).status == 401


def test_the_access_log_tells_a_cohort_from_the_rest(door: Doors, both: tuple[Backend, Backend]) -> None:
    one = door(*both, blue=100, cohort=Cohort("green", "x-beta"))
    for headers in ({"x-beta": "ann"}, {}, {"azureml-model-deployment": "green"}):
        one.ask(headers=headers)
    one.wait(lambda: len(one.log()) == 3)
    found = [(line["deployment"], line["kind"]) for line in one.log()]
    assert found == [("green", "cohort"), ("blue", "live"), ("green", "named")]


def test_a_share_of_the_callers_is_drawn_once_and_stays(door: Doors, both: tuple[Backend, Backend]) -> None:
    one = door(*both, blue=100, cohort=Cohort("green", percent=30))
    first = one.many(CALLERS)
    cookies = [answer.cookie for answer in first]
    assert len(set(cookies)) == CALLERS
    assert {answer.headers["set-cookie"].split("; ", 1)[1] for answer in first} == {"Path=/; HttpOnly; SameSite=Lax"}
    assert 28 < Counter(answer.deployment for answer in first)["green"] < 92  # five standard deviations
    chosen = [answer.deployment for answer in first]
    assert met(one, cookies) == chosen
    assert met(one, [f"theme=dark; {cookie}; lang=de" for cookie in cookies]) == chosen
    kept = one.many(20, headers={"cookie": cookies[0]})
    assert {(answer.deployment, answer.cookie) for answer in kept} == {(chosen[0], "")}


def test_a_cohort_that_grows_keeps_its_callers_and_takes_its_share_of_the_others(
    door: Doors, both: tuple[Backend, Backend]
) -> None:
    one = door(*both, blue=100, cohort=Cohort("green", percent=20))
    cookies = [answer.cookie for answer in one.many(CALLERS)]
    before = met(one, cookies)
    one.router.set(Routing({"blue": 100}, {}, Cohort("green", percent=60)))
    one.wait(lambda: Counter(met(one, cookies))["green"] > before.count("green"))
    grown = met(one, cookies)
    assert 85 < grown.count("green") < 155  # five standard deviations
    assert all(now == "green" for was, now in zip(before, grown, strict=True) if was == "green")
    one.router.set(Routing({"blue": 100}, {}, Cohort("green", percent=20)))
    one.wait(lambda: met(one, cookies) == before)


def test_callers_outside_go_where_the_weights_send_them(door: Doors, both: tuple[Backend, Backend]) -> None:
    one = door(*both, blue=100, cohort=Cohort("green", percent=50))
    cookies = [answer.cookie for answer in one.many(CALLERS) if answer.deployment == "blue"]
    one.router.set(Routing({"blue": 50, "green": 50}, {}, Cohort("green", percent=50)))
    one.wait(lambda: "green" in met(one, cookies))
    shares = Counter(answer.deployment for answer in one.many(1000, headers={"cookie": cookies[0]}))
    assert 420 < shares["blue"] < 580  # five standard deviations


def test_who_is_drawn_and_who_is_chosen_by_weight_are_chances_apart(
    door: Doors, both: tuple[Backend, Backend], replica: Replicas, backend: Backends
) -> None:
    next_one = backend("next", replica("n"))
    one = door(*both, next_one, blue=50, green=50, cohort=Cohort("next", percent=50))
    shares = Counter(answer.deployment for answer in one.many(2000))
    assert 890 < shares["next"] < 1110
    assert 400 < shares["blue"] < 600
    assert 400 < shares["green"] < 600


def test_a_cookie_of_another_cohort_or_of_none_means_nothing(door: Doors, both: tuple[Backend, Backend]) -> None:
    one = door(*both, blue=100, cohort=Cohort("green", percent=100))
    cookie = one.ask().cookie
    assert cookie.startswith("sluice-cohort=green.0-100.")
    one.router.set(Routing({"blue": 100}))
    one.wait(lambda: told(one, cookie=cookie) == "blue")
    one.router.set(Routing({"green": 100}, {}, Cohort("blue", percent=100)))
    one.wait(lambda: told(one, cookie=cookie) == "blue")
    drawn_anew: Answer = one.ask(headers={"cookie": cookie})
    assert drawn_anew.cookie.startswith("sluice-cohort=blue.")
    forged = ["sluice-cohort=green.0-1.000", "sluice-cohort=", "sluice-cohort=blue", "sluice-cohort=blue.0-x.0"]
    assert {one.ask(headers={"cookie": each}).status for each in forged} == {200}


@pytest.mark.parametrize("percents", [(1, 2, 33, 50), (51, 77, 99, 100)])
def test_envoy_takes_every_size_of_a_cohort(
    door: Doors, both: tuple[Backend, Backend], percents: tuple[int, ...]
) -> None:
    one = door(*both, blue=100)
    for percent in percents:
        one.router.set(Routing({"blue": 100}, {}, Cohort("green", "x-beta", ("a",), percent)))
        assert one.router.read().cohort == Cohort("green", "x-beta", ("a",), percent)
        assert one.ask().status == 200
