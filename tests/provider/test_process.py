"""The plugin as the process that the engine starts: it tells its port, and ends when nobody needs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf import empty_pb2
from projects import wait_until
from provider_calls import SECONDS
from pulumi.runtime.proto import provider_pb2_grpc

from sluice_infra.provider.plugin import VERSION

pytestmark = pytest.mark.process

PLUGIN = Path(sys.executable).with_name("pulumi-resource-sluice")
# Starts the plugin as the engine does, tells its pid and port, and lives on until it is killed.
PARENT = """
import subprocess, sys
plugin = subprocess.Popen([sys.argv[1], "127.0.0.1:1"], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
print(plugin.pid, plugin.stdout.readline(), end="", flush=True)
plugin.wait()
"""


def lives(pid: int) -> bool:
    """A zombie does not; nobody may be there to reap the orphan."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: library\nruntime: python\n")
    return tmp_path


@pytest.fixture
def parent(project: Path) -> Iterator[tuple[int, int, int]]:
    """Pids of a parent and of its plugin, and the plugin's port."""
    argv = [sys.executable, "-c", PARENT, str(PLUGIN)]
    with subprocess.Popen(argv, cwd=project, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pid, port = map(int, process.stdout.readline().split())
        yield process.pid, pid, port
        process.kill()
        if lives(pid):
            os.kill(pid, signal.SIGKILL)


def answers(port: int) -> str:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = provider_pb2_grpc.ResourceProviderStub(channel)
        version: str = stub.GetPluginInfo(empty_pb2.Empty(), timeout=SECONDS).version
        return version


def test_it_tells_its_port_and_answers(parent: tuple[int, int, int]) -> None:
    assert answers(parent[2]) == VERSION


def test_it_ends_when_its_parent_is_killed(parent: tuple[int, int, int]) -> None:
    engine, plugin, port = parent
    assert answers(port) == VERSION
    os.kill(engine, signal.SIGKILL)
    wait_until(lambda: not lives(plugin))


def test_it_ends_when_its_parent_died_before_it_was_ready(project: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    with subprocess.Popen([str(PLUGIN), "127.0.0.1:1"], cwd=project, stdout=write, stderr=subprocess.PIPE) as plugin:
        os.close(write)
        _, said = plugin.communicate(timeout=SECONDS)
    assert plugin.returncode is not None, said


def test_a_second_of_them_shares_nothing(parent: tuple[int, int, int], project: Path) -> None:
    argv = [str(PLUGIN), "--logtostderr", "127.0.0.1:1"]
    with subprocess.Popen(argv, cwd=project, stdout=subprocess.PIPE, text=True) as second:
        assert second.stdout is not None
        port = int(second.stdout.readline())
        assert answers(port) == answers(parent[2])
        second.kill()
