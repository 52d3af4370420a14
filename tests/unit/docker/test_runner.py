"""What a runner does with its container, and what it says."""

from __future__ import annotations

import json
import os
import stat
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.targets.local.docker.engine import Container
from sluice.targets.local.docker.runner import LONGEST_DELAY_S, REFUSED, Event, Place, Runner, Stop, retry_delay
from sluice.targets.local.docker.spec import ContainerSpec


@dataclass
class Running:
    """A runner in a thread of its own."""

    events: SimpleQueue[Event]
    result: Future[int]
    said: list[bytes] = field(default_factory=list)

    def words(self) -> str:
        return b"".join(self.said).decode()


Start = Callable[[ContainerSpec, Any], Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    threads: list[threading.Thread] = []

    def begin(spec: ContainerSpec, docker: Any) -> Running:
        running = Running(SimpleQueue(), Future())
        runner = Runner(spec, Place(tmp_path), docker.connect, running.said.append, running.events)
        thread = threading.Thread(target=lambda: running.result.set_result(runner.run()))
        threads.append(thread)
        thread.start()
        return running

    yield begin
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def test_a_container_that_ends_ends_its_runner_with_its_status(
    start: Start, spec: ContainerSpec, docker: Any, tmp_path: Path
) -> None:
    running = start(spec, docker)
    assert docker.watched.wait(10)
    assert Place(tmp_path).mark.exists()

    docker.end(3)

    assert running.result.result(10) == 3
    assert docker.calls == ["create", "start", "remove"]
    assert "ended with status 3" in running.words()
    assert not Place(tmp_path).mark.exists()


def test_told_to_stop_it_stops_the_container_with_its_grace(start: Start, spec: ContainerSpec, docker: Any) -> None:
    running = start(spec, docker)
    assert docker.watched.wait(10)

    running.events.put(Stop())

    assert running.result.result(10) == 0
    assert docker.calls == ["create", "start", "stop in 30 s", "remove"]
    assert docker.containers == {}


def test_a_container_that_a_killed_runner_left_is_adopted(start: Start, spec: ContainerSpec, docker: Any) -> None:
    docker.containers[spec.name] = Container("left", running=True, labels=spec.labels)
    running = start(spec, docker)
    assert docker.watched.wait(10)
    docker.end(0)

    assert running.result.result(10) == 0
    assert docker.calls == ["remove"]
    assert "adopted" in running.words()


@pytest.mark.parametrize("running", [True, False])
def test_a_container_of_another_spec_is_replaced(start: Start, spec: ContainerSpec, docker: Any, running: bool) -> None:
    other = replace(spec, port=spec.port + 1)
    docker.containers[spec.name] = Container("left", running=running, labels=other.labels)

    runner = start(spec, docker)
    assert docker.watched.wait(10)
    docker.end(0)

    runner.result.result(10)
    assert docker.calls == ["remove", "create", "start", "remove"]


def test_how_a_container_ended_while_nobody_looked_is_told(start: Start, spec: ContainerSpec, docker: Any) -> None:
    left = Container("left", running=False, labels=spec.labels, exit_code=137, out_of_memory=True)
    docker.containers[spec.name] = left

    running = start(spec, docker)
    assert docker.watched.wait(10)
    docker.end(0)

    running.result.result(10)
    assert "more than the memory it may use, 4.0 GiB" in running.words()


def test_while_docker_is_gone_it_says_so_and_goes_on(start: Start, spec: ContainerSpec, docker: Any) -> None:
    docker.gone = 2

    running = start(spec, docker)
    assert docker.watched.wait(10)
    docker.end(0)

    assert running.result.result(10) == 0
    assert running.words().count("Docker does not answer at unix:///run/docker.sock (nobody listens)") == 2


def test_a_docker_that_goes_and_comes_back_with_the_container_dead(
    start: Start, spec: ContainerSpec, docker: Any
) -> None:
    running = start(spec, docker)
    assert docker.watched.wait(10)
    assert docker.read.wait(10)
    docker.watched.clear()
    docker.gone = 1
    docker.end(137)
    assert docker.watched.wait(10)
    running.events.put(Stop())

    running.result.result(10)
    assert docker.calls[:5] == ["create", "start", "remove", "create", "start"]
    assert "ended with status 137" in running.words()


def test_told_to_stop_while_docker_is_gone_it_ends_the_container_once_it_is_back(
    start: Start, spec: ContainerSpec, docker: Any
) -> None:
    docker.containers[spec.name] = Container("left", running=True, labels=spec.labels)
    docker.gone = 3
    running = start(spec, docker)

    running.events.put(Stop())

    assert running.result.result(10) == 0
    assert docker.calls == ["stop in 30 s", "remove"]


def test_what_docker_refuses_ends_the_runner_with_the_reason(start: Start, spec: ContainerSpec, docker: Any) -> None:
    docker.refusal = "port is already allocated"

    running = start(spec, docker)

    assert running.result.result(10) == REFUSED
    assert "port is already allocated" in running.words()


def test_secrets_go_through_docker_for_images_with_a_server_of_their_own_alone(
    start: Start, spec: ContainerSpec, docker: Any
) -> None:
    for command, through_docker in ((spec.command, {}), (None, {"TOKEN": "hush"})):
        docker.watched.clear()
        running = start(replace(spec, command=command), docker)
        assert docker.watched.wait(10)
        docker.end(0)
        running.result.result(10)

        assert docker.secret_env == through_docker
        assert "hush" not in running.words()


def test_the_log_is_written_once_whoever_reads_it(start: Start, spec: ContainerSpec, docker: Any) -> None:
    docker.containers[spec.name] = Container("left", running=True, labels=spec.labels)
    docker.lines = [b"2026-11-22T20:00:00.000000001Z one\n", b"2026-11-22T20:00:00.1Z two\n"]
    first = start(spec, docker)
    assert docker.watched.wait(10)
    docker.end(0)
    first.result.result(10)
    docker.watched.clear()
    docker.ended.clear()
    docker.containers[spec.name] = Container("left", running=True, labels=spec.labels)
    docker.lines.append(b"2026-11-22T20:00:00.100000001Z three\n")

    second = start(spec, docker)
    assert docker.watched.wait(10)
    docker.end(0)

    second.result.result(10)
    assert [line for line in first.said if not line.startswith(b"sluice")] == [b"one\n", b"two\n"]
    assert [line for line in second.said if not line.startswith(b"sluice")] == [b"three\n"]


def test_a_process_of_the_container_that_is_killed_for_memory_is_told(
    start: Start, spec: ContainerSpec, docker: Any
) -> None:
    docker.kills = 2
    running = start(spec, docker)
    assert docker.watched.wait(10)
    assert docker.counted.wait(10)
    docker.end(0)

    running.result.result(10)
    assert running.words().count("was killed: OutOfMemoryError") == 2


@given(st.integers(0, 10_000))
def test_the_wait_for_docker_grows_to_its_longest(failures: int) -> None:
    assert 0 < retry_delay(failures) <= retry_delay(failures + 1) <= LONGEST_DELAY_S


@contextmanager
def mode_of(path: Path) -> Iterator[int]:
    yield stat.S_IMODE(path.stat().st_mode)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_the_user_of_an_image_is_given_the_secrets_and_nobody_else(
    start: Start, spec: ContainerSpec, docker: Any
) -> None:
    class Named(type(docker)):  # type: ignore[misc]  # the fake, whose image names a user
        def find(self, name: str) -> Container | None:
            found = super().find(name)
            return replace(found, user="app") if found else None

        def passwd(self, identifier: str) -> str:
            return "root:x:0:0::/:/bin/sh\napp:x:1500:1600::/:/bin/sh\n"

    secrets = Path(spec.secrets)
    (secrets / "environment.json").chmod(0o600)
    named = Named()
    running = start(spec, named)
    assert named.watched.wait(10)
    named.end(0)
    running.result.result(10)

    for path in (secrets, secrets / "environment.json"):
        assert (path.stat().st_uid, path.stat().st_gid) == (1500, 1600)
    with mode_of(secrets / "environment.json") as mode:
        assert mode == 0o600
    assert json.loads((secrets / "environment.json").read_text()) == {"TOKEN": "hush"}
