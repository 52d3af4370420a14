"""Killed: a runner, a container, Docker itself, all of Sluice at once."""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress

import pytest
from docker_engine import Dockerd
from projects import QUESTION, Load, Project, processes_of, wait_until

pytestmark = [pytest.mark.process, pytest.mark.engine]
ANSWER_S = 60


def answers(project: Project, deployment: str) -> bool:
    return project.call("invoke", "-d", deployment, QUESTION).returncode == 0


def identifier(docker: Dockerd, project: Project, deployment: str = "green") -> str:
    replica = project.deployment(deployment)["replicas"][0]
    return str(docker.api.inspect_container(replica["container"])["Id"])


def running(docker: Dockerd, name: str) -> str | None:
    """Return the id of the running container with this name."""
    found = docker.api.containers(filters={"name": name})
    return str(found[0]["Id"]) if found else None


def test_a_killed_runner_costs_nothing_and_its_container_is_adopted(library: Project, docker: Dockerd) -> None:
    before, replica = identifier(docker, library), library.deployment("green")["replicas"][0]
    log = library.root / f".sluice/local/dev/processes/programs/{replica['id']}/output.log"
    library.must("traffic", "set", "green=100", "--yes")

    with Load(library.port(), library.key()) as load:
        os.kill(replica["pid"], signal.SIGKILL)
        wait_until(lambda: library.deployment("green")["replicas"][0]["pid"] not in (None, replica["pid"]), ANSWER_S)
        wait_until(lambda: "adopted container" in log.read_text(), ANSWER_S)

    assert load.failed == []
    assert identifier(docker, library) == before
    assert log.read_text().count("the script is ready") == 1


def test_a_killed_container_comes_back(library: Project, docker: Dockerd) -> None:
    before = identifier(docker, library)

    docker.api.kill(before, signal="SIGKILL")

    wait_until(lambda: answers(library, "green"), ANSWER_S)
    assert identifier(docker, library) != before
    assert "ended with status 137" in library.must("logs", "-d", "green", "-n", "5000")


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_when_docker_ends_its_runners_wait_for_it(library: Project, docker: Dockerd, end: str) -> None:
    names = [library.deployment(name)["replicas"][0]["container"] for name in ("green", "gold")]

    getattr(docker, end)()
    wait_until(lambda: "Docker does not answer at" in library.must("logs", "-d", "green", "-n", "5000"), ANSWER_S)
    assert answers(library, "blue")
    docker.start()

    wait_until(lambda: all(running(docker, name) for name in names), ANSWER_S)
    wait_until(lambda: answers(library, "green") and answers(library, "gold"), ANSWER_S)
    assert library.call("preview", "--expect-no-changes").returncode == 0


def test_while_docker_is_gone_an_update_says_so_and_what_serves_is_left(library: Project, docker: Dockerd) -> None:
    docker.stop()
    try:
        library.edit("endpoints/qa/green.yaml", "instance_count: 1", "instance_count: 2")
        done = library.call("up", "--yes")
    finally:
        docker.start()
        library.edit("endpoints/qa/green.yaml", "instance_count: 2", "instance_count: 1")

    assert done.returncode == 1
    assert "Docker" in done.stderr
    assert "runtime: process" in done.stderr
    wait_until(lambda: answers(library, "green"), ANSWER_S)


def test_when_all_of_sluice_was_killed_the_next_up_adopts_the_containers(library: Project, docker: Dockerd) -> None:
    before = identifier(docker, library)
    kill_all(library)
    assert running(docker, before) or docker.api.inspect_container(before)["State"]["Running"]

    library.must("up", "--yes")

    assert identifier(docker, library) == before
    assert answers(library, "green")


def test_an_end_by_force_leaves_no_container_even_where_its_runner_was_killed(fresh: Project, docker: Dockerd) -> None:
    """The fixture sees that no container is left."""
    fresh.must("up", "--yes")
    before = identifier(docker, fresh)
    kill_all(fresh)

    fresh.must("down", "--force", "--yes")

    assert json.loads(fresh.must("status", "--json")) == {"endpoints": []}
    assert before not in {one["Id"] for one in docker.api.containers(all=True)}


def kill_all(project: Project) -> None:
    """Kill every process that works for a project, Envoy and all; its containers go on."""
    while lines := [line for line in processes_of(project.root) if line.split()[1:]]:
        for line in lines:
            with suppress(ProcessLookupError):
                os.kill(int(line.split()[0]), signal.SIGKILL)
