"""Who may change weights while a rollout is open, and what stays until it has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sluice.errors import Busy, StillUsed, TrafficRefused
from sluice.spec.frozen import frozen_map
from sluice.spec.models import Probe
from sluice.targets.local import deployments, endpoints, gateways, traffic
from sluice.traffic.router import Cohort, Routing

if TYPE_CHECKING:
    from tests.process.local.conftest import LightEndpoint

pytestmark = pytest.mark.process

NAME = "light"


def test_only_the_open_rollout_changes_weights(light: LightEndpoint) -> None:
    target = light.target
    for name in ("blue", "green"):
        light.deploy(name)
    light.switch(blue=100, green=0)
    traffic.open_walk(target, NAME, "w1")
    traffic.open_walk(target, NAME, "w1")
    for other in ("", "w2"):
        with pytest.raises(Busy, match=r"has an open rollout \(w1\)") as refused:
            light.switch(other, blue=0, green=100)
        assert "sluice rollout status --endpoint light" in refused.value.remedy
        assert "sluice rollout abort" in refused.value.remedy
    with pytest.raises(Busy, match="open rollout"):
        traffic.open_walk(target, NAME, "w2")
    assert light.ask()["name"] == "blue"
    light.switch("w1", blue=0, green=100)
    assert light.ask()["name"] == "green"
    traffic.close_walk(target, NAME, "w2")
    assert light.state.walk == "w1"
    traffic.close_walk(target, NAME, "w1")
    traffic.close_walk(target, NAME, "w1")
    with pytest.raises(Busy, match="rollout w1 of endpoint light has ended"):
        light.switch("w1", blue=100, green=0)
    light.switch(blue=100, green=0)


def test_a_cohort_is_routed_kept_and_told(light: LightEndpoint) -> None:
    for name in ("blue", "green"):
        light.deploy(name)
    cohort = Cohort("green", "x-beta", ("ann",), 10)
    traffic.set_routing(light.target, NAME, Routing(frozen_map({"blue": 100}), cohort=cohort))
    assert light.ask(x_beta="ann")["name"] == "green"
    assert gateways.router(light.target, NAME).read().cohort == light.state.routing.cohort == cohort
    with pytest.raises(TrafficRefused, match="has a cohort"):
        deployments.remove(light.target, NAME, "green")
    with pytest.raises(TrafficRefused, match="cohort names red"):
        traffic.set_routing(light.target, NAME, Routing(frozen_map({"blue": 100}), cohort=Cohort("red")))
    light.deploy("green", variables=frozen_map({"NAME": "new"}))
    assert light.ask(x_beta="ann")["name"] == "new", "a new revision is in the cohort too"


def test_no_deployment_goes_while_a_rollout_is_open_but_all_when_the_endpoint_does(light: LightEndpoint) -> None:
    target = light.target
    for name in ("blue", "green"):
        light.deploy(name)
    light.switch(blue=100)
    traffic.open_walk(target, NAME, "w1")
    with pytest.raises(StillUsed, match="deployment green is part of an open rollout"):
        deployments.remove(target, NAME, "green")
    traffic.close(target, NAME)
    assert light.state.walk == ""
    for name in ("blue", "green"):
        deployments.remove(target, NAME, name)
    folder = target.endpoint(NAME).folder
    assert list((folder / "wishes").iterdir()) == []
    endpoints.remove(target, NAME)
    assert not folder.exists()
    assert target.supervisor.programs() == ()


def test_who_serves_is_told_in_one_question(light: LightEndpoint) -> None:
    light.deploy("blue")
    light.deploy("green", readiness=Probe(initial_delay=10, period=1, timeout=1, failure_threshold=2))
    assert gateways.ready(light.target, NAME) == {"blue": True, "green": True}
    assert gateways.ready(light.target, "none") == {}
    light.target.supervisor.remove(light.state.deployments["green"].replicas[0].program)
    light.until(lambda: gateways.ready(light.target, NAME) == {"blue": True, "green": False})
