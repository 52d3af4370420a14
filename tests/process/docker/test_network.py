"""Where Docker has no bridge network, servers of ours listen on the machine itself."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from docker_engine import Dockerd
from projects import QUESTION, Project

pytestmark = [pytest.mark.process, pytest.mark.engine]


@pytest.fixture
def bare(docker: Dockerd) -> Iterator[Dockerd]:
    """The Docker without a bridge."""
    bridge = docker.bridge
    for setting in ("none", bridge):
        docker.stop()
        docker.bridge = setting
        docker.start()
        if setting == "none":
            yield docker


def test_without_a_bridge_ours_serve_and_others_are_refused(bare: Dockerd, fresh: Project) -> None:
    done = fresh.call("up", "--yes")

    assert done.returncode == 1
    assert "listens on port 9000" in done.stderr
    replica = fresh.deployment("green")["replicas"][0]
    shown = bare.api.inspect_container(replica["container"])
    assert shown["HostConfig"]["NetworkMode"] == "host"
    assert json.loads(fresh.must("invoke", "-d", "green", QUESTION))["answer"] == "on saturdays"
