"""Who answers: weights, names, copies, paths."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from sluice.errors import TrafficRefused
from sluice.traffic.router import Routing

if TYPE_CHECKING:
    from replica_server import Replica
    from tests.process.envoy.conftest import Door

    from sluice.targets.local.envoy.desired import Backend

pytestmark = pytest.mark.process

Doors = Callable[..., "Door"]
Replicas = Callable[..., "Replica"]
Backends = Callable[..., "Backend"]


def test_weights_share_out_the_requests(door: Doors, replica: Replicas, backend: Backends) -> None:
    open_door = door(backend("blue", replica("b")), backend("green", replica("g")), blue=30, green=70)
    answers = open_door.many(3000)
    assert {answer.status for answer in answers} == {200}
    shares = Counter(answer.deployment for answer in answers)
    assert 780 < shares["blue"] < 1020  # five standard deviations
    assert open_door.router.read() == Routing({"blue": 30, "green": 70}, {})


def test_a_header_reaches_a_deployment_without_weight(door: Doors, replica: Replicas, backend: Backends) -> None:
    open_door = door(backend("blue", replica("b")), backend("green", replica("g")), blue=100)
    answer = open_door.ask(headers={"azureml-model-deployment": "green"})
    assert (answer.status, answer.deployment) == (200, "green")
    unknown = open_door.ask(headers={"azureml-model-deployment": "red"})
    assert (unknown.status, unknown.code) == (404, "DeploymentNotFound")
    assert "blue, green" in unknown.body


def test_an_endpoint_without_traffic_says_how_to_open_it(door: Doors, replica: Replicas, backend: Backends) -> None:
    open_door = door(backend("blue", replica("b")))
    closed = open_door.ask()
    assert (closed.status, closed.code) == (503, "NoTraffic")
    assert "sluice traffic set blue=100 --endpoint shop" in closed.body
    open_door.router.set(Routing({"blue": 100}))
    assert open_door.ask().status == 200


def test_copies_are_a_share_of_every_deployments_requests_and_their_errors_stay_hidden(
    door: Doors, replica: Replicas, backend: Backends
) -> None:
    blue, green, shadow = replica("b"), replica("g"), replica("s", status=500)
    open_door = door(
        *(backend("blue", blue), backend("green", green), backend("next", shadow)),
        mirror={"next": 25},
        blue=50,
        green=50,
    )
    answers = open_door.many(2000)
    assert {answer.status for answer in answers} == {200}
    assert open_door.router.drained("next", 10)
    assert 400 < len(shadow.seen) < 600
    assert all("authorization" not in seen for seen in shadow.seen)
    ids = {seen["x-request-id"] for seen in shadow.seen}
    of_blue = sum(1 for seen in blue.seen if seen["x-request-id"] in ids)
    assert 180 < of_blue < 320, "copies follow the choice of the deployment"
    assert open_door.router.admin.requests("next").answered_5xx == len(shadow.seen)


def test_each_deployment_keeps_its_own_scoring_path_and_timeout(
    door: Doors, replica: Replicas, backend: Backends
) -> None:
    blue, green = replica("b", delay_s=0.6), replica("g", delay_s=0.6)
    slow = backend("blue", blue, score_path="/invocations")
    quick = backend("green", green, timeout_ms=200)
    open_door = door(slow, quick, blue=100)
    assert '"/invocations?a=1"' in open_door.ask(path="/score?a=1").body
    assert '"/version"' in open_door.ask(path="/version").body
    open_door.router.set(Routing({"green": 100}))
    late = open_door.ask()
    assert (late.status, late.code, late.deployment) == (408, "RequestTimeout", "green")


def test_the_access_log_names_the_deployment(door: Doors, replica: Replicas, backend: Backends) -> None:
    open_door = door(backend("blue", replica("b")), backend("green", replica("g")), blue=100)
    open_door.ask(headers={"x-request-id": "mine"})
    open_door.ask(headers={"azureml-model-deployment": "green"})
    open_door.wait(lambda: len(open_door.log()) == 2)
    first, second = open_door.log()
    assert first["request_id"] == "mine"
    assert (first["deployment"], first["kind"], first["status"], first["attempts"]) == ("blue", "live", 200, 1)
    assert (second["deployment"], second["kind"]) == ("green", "named")


def test_what_a_caller_chooses_makes_no_long_lines(door: Doors, replica: Replicas, backend: Backends) -> None:
    open_door = door(backend("blue", replica("b")), blue=100)
    long = "a" * 20_000
    assert open_door.ask(key=None, path=f"/{long}", headers={"x-request-id": long}).status == 401
    open_door.wait(lambda: len(open_door.log()) == 1)
    assert len(json.dumps(open_door.log()[0])) < 1500


def test_weights_that_lose_requests_are_refused(door: Doors, replica: Replicas, backend: Backends) -> None:
    open_door = door(backend("blue", replica("b")), blue=100)
    with pytest.raises(TrafficRefused, match="sums to 90"):
        open_door.router.set(Routing({"blue": 90}))
    with pytest.raises(TrafficRefused, match="names bleu"):
        open_door.router.set(Routing({"bleu": 100}))
    assert open_door.ask().status == 200
