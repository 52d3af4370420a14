"""What is in use is not removed: the refusal names what it is and who uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sluice.errors import StillUsed, TrafficRefused
from sluice.plan.access import SECRETS_READER, Assignment
from sluice.spec.frozen import frozen_map
from sluice.targets.local.deployments import refuse_while_it_has_traffic
from sluice.targets.local.target import LocalTarget
from sluice.targets.local.usage import (
    refuse_named_in_traffic,
    refuse_used_connection,
    refuse_used_identity,
    refuse_used_model,
    refuse_used_role,
    refuse_walked,
)
from sluice.traffic.router import Cohort, Routing

if TYPE_CHECKING:
    from tests.unit.local.conftest import Deploy, Endpoint

AT_WORKSPACE = Assignment("qa", SECRETS_READER, "workspace")
AT_CHAT = Assignment("qa", SECRETS_READER, "connection/chat")


@pytest.fixture
def used(target: LocalTarget, endpoint: Endpoint, deployed: Deploy) -> LocalTarget:
    """A stack whose deployment qa/blue serves a model and reads a connection."""
    blue = deployed("blue", models=["iris@1", "code@2"], connections=["chat"], identity="qa")
    target.endpoint("qa").save(endpoint(blue, identities=("qa", "second")))
    grant(target, AT_WORKSPACE)
    return target


def grant(target: LocalTarget, *assignments: Assignment) -> None:
    for one in assignments:
        key = f"{one.identity}/{one.role}/{one.scope}"
        target.records("role-assignments").put(key, {"identity": one.identity, "role": one.role, "scope": one.scope})


@pytest.mark.parametrize("key", ["iris@1", "code@2"])
def test_a_model_that_serves_is_kept(used: LocalTarget, key: str) -> None:
    with pytest.raises(StillUsed, match=f"model {key} is still used by deployment qa/blue"):
        refuse_used_model(used.paths, key)


def test_a_connection_that_is_read_is_kept(used: LocalTarget) -> None:
    with pytest.raises(StillUsed, match="connection chat is still used by deployment qa/blue"):
        refuse_used_connection(used.paths, "chat")


@pytest.mark.parametrize("name", ["qa", "second"])
def test_an_identity_that_an_endpoint_acts_as_is_kept(used: LocalTarget, name: str) -> None:
    with pytest.raises(StillUsed, match=f"identity {name} is still used by endpoint qa"):
        refuse_used_identity(used.paths, name)


def test_a_role_by_which_a_secret_is_read_is_kept(used: LocalTarget) -> None:
    with pytest.raises(StillUsed, match=f"role '{SECRETS_READER}' of identity qa .*qa/blue"):
        refuse_used_role(used.paths, AT_WORKSPACE)


def test_a_role_may_go_when_another_gives_the_same(used: LocalTarget) -> None:
    grant(used, AT_CHAT)
    refuse_used_role(used.paths, AT_WORKSPACE)
    refuse_used_role(used.paths, AT_CHAT)


def test_what_nothing_uses_may_go(used: LocalTarget) -> None:
    refuse_used_model(used.paths, "iris@2")
    refuse_used_connection(used.paths, "other")
    refuse_used_identity(used.paths, "third")
    for other in (
        Assignment("second", SECRETS_READER, "workspace"),
        Assignment("qa", "AcrPull", "workspace"),
        Assignment("qa", SECRETS_READER, "connection/other"),
    ):
        refuse_used_role(used.paths, other)


def test_every_user_is_named(used: LocalTarget, endpoint: Endpoint, deployed: Deploy) -> None:
    used.endpoint("zoo").save(endpoint(deployed("green", models=["iris@1"]), name="zoo"))
    with pytest.raises(StillUsed, match="used by deployment qa/blue, deployment zoo/green"):
        refuse_used_model(used.paths, "iris@1")


@pytest.mark.parametrize(
    ("routing", "said"),
    [
        (Routing(frozen_map({"blue": 30, "green": 70})), "30 % of the traffic"),
        (Routing(frozen_map({"blue": 0}), frozen_map({"blue": 10})), "10 % mirrored traffic"),
        (Routing(frozen_map({"blue": 0}), frozen_map(), Cohort("blue", "x-beta")), "a cohort"),
    ],
)
def test_a_deployment_with_traffic_is_not_removed(
    endpoint: Endpoint, deployed: Deploy, routing: Routing, said: str
) -> None:
    state = endpoint(deployed("blue"), routing=routing)
    with pytest.raises(TrafficRefused, match=said) as caught:
        refuse_while_it_has_traffic(state, "blue")
    assert "sluice traffic set OTHER=100 blue=0 --endpoint qa" in caught.value.remedy


def test_a_deployment_stays_while_a_rollout_is_open(endpoint: Endpoint, deployed: Deploy) -> None:
    with pytest.raises(
        StillUsed, match="deployment blue is part of an open rollout of endpoint qa; it stays"
    ) as caught:
        refuse_walked(endpoint(deployed("blue"), walk="w1"), "blue")
    assert caught.value.remedy == "See it: sluice rollout status --endpoint qa"
    refuse_walked(endpoint(deployed("blue")), "blue")


def test_a_deployment_that_traffic_names_with_nothing_is_kept(endpoint: Endpoint, deployed: Deploy) -> None:
    state = endpoint(deployed("blue"), routing=Routing(frozen_map({"blue": 0, "green": 100})))
    refuse_while_it_has_traffic(state, "blue")
    with pytest.raises(StillUsed, match="deployment blue is still used by the traffic of endpoint qa"):
        refuse_named_in_traffic(state, "blue")
    refuse_named_in_traffic(state.without_deployment("blue"), "blue")
