"""Replicas added to a deployment that serves: before it gets traffic, and without touching those that are there."""

from __future__ import annotations

import http.client
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sluice.errors import DeploymentFailed, NotFound, StillUsed
from sluice.spec.frozen import frozen_map
from sluice.targets.local import deployments, gateways, traffic, wishes
from sluice.targets.local.wish import revision_of

if TYPE_CHECKING:
    from tests.process.local.conftest import LightEndpoint

pytestmark = pytest.mark.process

NAME = "light"


def answering(light: LightEndpoint, deployment: str) -> set[int]:
    """The processes that answer to twenty requests."""
    return {light.ask(azureml_model_deployment=deployment)["pid"] for _ in range(20)}


def test_replicas_come_up_beside_those_that_serve(light: LightEndpoint) -> None:
    light.deploy("green")
    before = light.pids()
    serving = answering(light, "green")
    said = deployments.scale(light.target, NAME, "green", 3)
    assert said == "green: 2 more started, 3 replicas are ready"
    after, state = light.pids(), light.state
    assert before.items() <= after.items(), "what served was not touched"
    assert len(state.deployments["green"].replicas) == 3
    assert (state.draining, state.starting) == ((), ())
    assert serving < answering(light, "green")
    assert gateways.router(light.target, NAME).live().draining == {}
    assert deployments.scale(light.target, NAME, "green", 2) == ""
    assert light.pids() == after


def test_the_same_wish_leaves_them_while_a_rollout_is_open_and_takes_them_away_after(light: LightEndpoint) -> None:
    light.deploy("green")
    traffic.open_walk(light.target, NAME, "w1")
    deployments.scale(light.target, NAME, "green", 2)
    scaled = light.pids()
    assert len(light.deploy("green").replicas) == 2
    assert light.pids() == scaled
    with pytest.raises(StillUsed, match="what it runs is changed once that has ended"):
        light.deploy("green", variables=frozen_map({"NAME": "new"}))
    assert light.pids() == scaled, "what the rollout judges, and goes back to, stays what it is"
    traffic.close_walk(light.target, NAME, "w1")
    assert len(light.deploy("green", variables=frozen_map({"NAME": "new"})).replicas) == 1
    assert len(light.pids()) == 2, "the gateway and one replica"


def test_a_dead_replica_is_replaced(light: LightEndpoint) -> None:
    dead = light.deploy("green").replicas[0].program
    light.target.supervisor.remove(dead)
    said = deployments.scale(light.target, NAME, "green", 1)
    assert said == "green: 1 more started, 1 replicas are ready"
    assert light.ask(azureml_model_deployment="green")["name"] == "green"


def test_replicas_that_do_not_come_up_are_gone_again(light: LightEndpoint, tmp_path: Path) -> None:
    light.deploy("green")
    before = light.pids()
    quick = replace(light.wish("green").readiness, initial_delay=0, period=1, failure_threshold=1)
    kept = wishes.kept(light.target.paths, NAME, "green", light.state.deployments["green"].revision)
    # As if the server did not start any more: what it was brought up from is the same revision, but never ready.
    never = replace(kept.wish, readiness=quick, variables=kept.wish.variables, routes=None)
    assert revision_of(never, {}) == light.state.deployments["green"].revision
    wishes.keep(light.target.paths, wishes.Kept(never, {}), revision_of(never, {}))
    (Path(light.target.paths.root).parents[2] / "cache/environments/light/build/bin/python").write_text("#!/bin/false")
    with pytest.raises(DeploymentFailed, match=r"replica light\.green\.1 "):
        deployments.scale(light.target, NAME, "green", 2)
    assert light.pids() == before
    assert len(light.state.deployments["green"].replicas) == 1


def test_what_is_not_there_can_not_be_added_to(light: LightEndpoint) -> None:
    with pytest.raises(NotFound, match="has no deployment green"):
        deployments.scale(light.target, NAME, "green", 2)
    light.deploy("green")
    wishes.forget(light.target.paths, NAME, "green")
    with pytest.raises(NotFound, match="what it was brought up from is not known"):
        deployments.scale(light.target, NAME, "green", 2)


def test_replicas_serve_when_the_probe_passed_often_enough(light: LightEndpoint) -> None:
    readiness = replace(light.wish("green").readiness, success_threshold=3)
    light.deploy("green", readiness=readiness)
    assert light.ask(azureml_model_deployment="green")["probes"] >= 4, "three of ours, and the gateway's"


def test_a_stream_ends_whole_though_weights_moved_and_its_deployment_went(light: LightEndpoint, tmp_path: Path) -> None:
    for name in ("blue", "green"):
        light.deploy(name)
    light.switch(blue=100)
    over = tmp_path / "over"
    stream = light.open({"until": str(over)})
    assert stream.readline() == b"data: more\n"
    light.switch(green=100)
    assert light.ask()["name"] == "green"
    removal: Future[Any] = light.started(lambda: deployments.remove(light.target, NAME, "blue", drain_s=60))
    light.until(lambda: "blue" not in light.state.deployments)
    assert [stream.readline() for _ in range(80)] == [b"\n", b"data: more\n"] * 40, "a good while later"
    assert not removal.done()
    assert light.ask()["name"] == "green"
    over.touch()
    rest = stream.read()
    assert rest.endswith(b"data: end\n\n")
    removal.result(60)
    assert not [name for name in light.pids() if name.startswith("light.blue")]


def test_what_lasts_longer_than_the_drain_is_cut_off(light: LightEndpoint, tmp_path: Path) -> None:
    light.deploy("blue")
    light.switch(blue=100)
    stream = light.open({"until": str(tmp_path / "never")})
    light.switch(blue=0)
    traffic.close(light.target, NAME)
    deployments.remove(light.target, NAME, "blue", drain_s=0.2)
    with stream:
        assert b"data: end" not in read_to_the_end(stream)


def read_to_the_end(stream: http.client.HTTPResponse) -> bytes:
    try:
        return bytes(stream.read())
    except (http.client.HTTPException, OSError) as broken:
        return getattr(broken, "partial", b"")
