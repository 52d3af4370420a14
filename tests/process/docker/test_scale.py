"""Containers added to a deployment that serves, and what a later update makes of them."""

from __future__ import annotations

import json

import pytest
from docker_engine import Dockerd
from projects import QUESTION, Project

from sluice.targets.local import deployments, traffic
from sluice.targets.local.target import LocalTarget

pytestmark = [pytest.mark.process, pytest.mark.engine]
ENDPOINT = "question-answering"


def test_containers_are_added_and_stay_until_the_rollout_has_ended(
    library: Project, docker: Dockerd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", docker.address)
    target = LocalTarget.of(library.root, "dev")

    def running() -> set[str]:
        replicas = library.deployment("green")["replicas"]
        return {docker.api.inspect_container(one["container"])["Id"] for one in replicas}

    before = running()
    traffic.open_walk(target, ENDPOINT, "w1")
    said = deployments.scale(target, ENDPOINT, "green", 2)
    assert said == "green: 1 more started, 2 replicas are ready"
    both = running()
    assert len(both) == 2
    assert before < both, "what served was not touched"
    assert json.loads(library.must("invoke", "-d", "green", QUESTION))["answer"] == "on saturdays"

    library.must("up", "--yes")
    assert running() == both, "the same specification is no reason to take it away"

    traffic.close_walk(target, ENDPOINT, "w1")
    assert "1 to update" in library.must("preview")
    library.must("up", "--yes")
    assert running() == before
