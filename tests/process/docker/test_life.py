"""Deployments in containers, beside one in a process: up, asked, switched, changed, down."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from docker_engine import Dockerd
from projects import QUESTION, Load, Project

pytestmark = [pytest.mark.process, pytest.mark.engine]
SECRET = "s3cr3t-of-green"


def container(docker: Dockerd, project: Project, name: str) -> dict[str, Any]:
    """Return what `docker inspect` shows of a deployment's only replica."""
    replica = project.deployment(name)["replicas"][0]
    found: dict[str, Any] = docker.api.inspect_container(replica["container"])
    return found


def test_a_process_and_containers_stand_behind_one_endpoint(library: Project) -> None:
    runtimes = {one["name"]: one["runtime"] for one in library.status()["deployments"]}

    assert runtimes == {"blue": "process", "gold": "docker", "green": "docker"}
    assert "docker" in library.must("status")
    assert json.loads(library.must("invoke", "-d", "green", QUESTION)) == {
        "answer": "on saturdays",
        "token": len(SECRET),
    }


def test_a_container_that_is_no_server_of_ours_is_asked_at_its_own_paths(library: Project) -> None:
    answer = json.loads(library.must("invoke", "-d", "gold", QUESTION))

    assert answer["path"] == "/v1/predict"
    assert answer["base"] == "/var/models/answers/1"
    assert answer["models"] == ["/var/models/answers/1/answers/answers.json"]
    assert "asked for /ready" in library.must("logs", "-d", "gold", "-n", "1000")


def test_what_containers_write_is_in_the_log(library: Project) -> None:
    assert "the script is ready, as 1234" in library.must("logs", "-d", "green", "-n", "1000")
    assert "a server of its own, as 65534" in library.must("logs", "-d", "gold", "-n", "1000")


def test_the_limits_of_the_instance_type_show_in_inspect(library: Project, docker: Dockerd) -> None:
    machine = docker.api.info()
    green, gold = (container(docker, library, name)["HostConfig"] for name in ("green", "gold"))

    assert green["NanoCpus"] == min(4, machine["NCPU"]) * 10**9
    assert green["Memory"] == min(14 * 1024**3, machine["MemTotal"])
    assert gold["NanoCpus"] == min(2, machine["NCPU"]) * 10**9
    assert gold["Memory"] == min(4 * 1024**3, machine["MemTotal"])


def test_a_server_of_ours_shows_no_secret_to_docker(library: Project, docker: Dockerd) -> None:
    shown = container(docker, library, "green")
    secrets = Path(next(mount["Source"] for mount in shown["Mounts"] if mount["Destination"] == "/run/sluice"))

    assert SECRET not in json.dumps(shown)
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets.iterdir()} == {0o600}
    assert SECRET in (secrets / "environment.json").read_text()


def test_the_variables_of_another_image_are_dockers(library: Project, docker: Dockerd) -> None:
    assert f"TOKEN={SECRET}" in container(docker, library, "gold")["Config"]["Env"]


def test_ports_are_on_loopback_and_mounts_are_read_only(library: Project, docker: Dockerd) -> None:
    for name in ("green", "gold"):
        shown = container(docker, library, name)
        bound = [one for ports in shown["NetworkSettings"]["Ports"].values() for one in ports or ()]

        assert [one["HostIp"] for one in bound] == ["127.0.0.1"]
        assert not [mount for mount in shown["Mounts"] if mount["RW"]]


def test_nothing_is_left_to_change(library: Project) -> None:
    done = library.call("preview", "--expect-no-changes")

    assert done.returncode == 0, done.stdout + done.stderr


def test_traffic_moves_between_a_process_and_containers_without_a_loss(library: Project) -> None:
    with Load(library.port(), library.key()) as load:
        for weights in (
            ("blue=50", "green=50", "gold=0"),
            ("blue=0", "green=50", "gold=50"),
            ("blue=100", "green=0", "gold=0"),
        ):
            library.must("traffic", "set", *weights, "--yes")

    assert load.failed == []
    assert set(load.answered) == {"blue", "green", "gold"}


def test_a_changed_container_is_swapped_under_load(library: Project, docker: Dockerd) -> None:
    library.must("traffic", "set", "green=100", "--yes")
    before = container(docker, library, "green")["Id"]
    library.edit("scoring/score.py", "answers[json.loads(data)", '"now " + answers[json.loads(data)')

    with Load(library.port(), library.key()) as load:
        library.must("up", "--yes")

    assert load.failed == []
    assert library.score().json()["answer"] == "now on saturdays"
    assert container(docker, library, "green")["Id"] != before


@pytest.mark.parametrize("runtime", ["process", "docker"])
def test_a_change_of_runtime_is_a_rolling_update(library: Project, runtime: str) -> None:
    """One name, in place: into a process, and back into a container."""
    other = {"process": "docker", "docker": "process"}[runtime]
    library.edit("endpoints/qa/green.yaml", f"sluice.runtime: {other}", f"sluice.runtime: {runtime}")

    with Load(library.port(), library.key()) as load:
        library.must("up", "--yes")

    assert load.failed == []
    assert set(load.answered) == {"green"}
    assert library.deployment("green")["runtime"] == runtime


def test_more_and_fewer_replicas_without_a_loss(library: Project, docker: Dockerd) -> None:
    for wanted, before in ((2, 1), (1, 2)):
        library.edit("endpoints/qa/green.yaml", f"instance_count: {before}", f"instance_count: {wanted}")
        with Load(library.port(), library.key()) as load:
            library.must("up", "--yes")

        assert load.failed == []
        replicas = library.deployment("green")["replicas"]
        assert [one["state"] for one in replicas] == ["running"] * wanted
