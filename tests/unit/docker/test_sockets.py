"""Where Docker is looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluice.errors import DockerFailed
from sluice.targets.local.docker.sockets import docker_addresses, find_docker

HOME = Path("/home/ada")


def found(environ: dict[str, str], *sockets: str) -> str:
    return find_docker(environ, HOME, 1000, lambda path: str(path) in sockets)


def test_docker_host_stands_alone() -> None:
    environ = {"DOCKER_HOST": "unix:///mine.sock"}

    assert docker_addresses(environ, HOME, 1000) == ("unix:///mine.sock",)
    assert found(environ, "/mine.sock", "/var/run/docker.sock") == "unix:///mine.sock"
    with pytest.raises(DockerFailed, match="looked at /mine"):
        found(environ, "/var/run/docker.sock")


@pytest.mark.parametrize(
    "socket",
    [
        "/var/run/docker.sock",
        "/run/user/1000/docker.sock",
        "/home/ada/.docker/run/docker.sock",
        "/run/user/1000/podman/podman.sock",
        "/run/podman/podman.sock",
    ],
)
def test_the_sockets_of_docker_and_podman_are_found(socket: str) -> None:
    assert found({}, socket) == f"unix://{socket}"


def test_the_users_own_runtime_folder_counts() -> None:
    assert found({"XDG_RUNTIME_DIR": "/tmp/run"}, "/tmp/run/podman/podman.sock") == "unix:///tmp/run/podman/podman.sock"


def test_dockers_socket_comes_before_podmans() -> None:
    assert found({}, "/run/podman/podman.sock", "/var/run/docker.sock") == "unix:///var/run/docker.sock"


def test_no_docker_says_what_to_install_and_what_to_do_without() -> None:
    with pytest.raises(DockerFailed, match="not on this machine") as refused:
        found({})

    assert "docker.io" in refused.value.remedy
    assert "runtime: process" in refused.value.remedy


@pytest.mark.parametrize("host", ["tcp://10.0.0.1:2375", "ssh://build"])
def test_a_docker_elsewhere_is_refused(host: str) -> None:
    with pytest.raises(DockerFailed, match="elsewhere"):
        found({"DOCKER_HOST": host})
