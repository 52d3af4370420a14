"""Builds that fail, in words of ours; what was built before stays as it is."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from image_projects import ImageProject, in_registry
from projects import wait_until

from sluice.engine.images import ImageServices
from sluice.targets.local.processes.ports import free_port

pytestmark = [pytest.mark.process, pytest.mark.engine]

SCRATCH = "FROM scratch\nADD rootfs.tar /\n"
FILES = {"rootfs.tar": "rootfs.tar"}


def put(project: ImageProject, dockerfile: str, registry: str | None = None) -> None:
    project.images({"qa/blue": {"dockerfile": dockerfile, "files": FILES}}, registry)


def refused(project: ImageProject, dockerfile: str, registry: str | None = None) -> str:
    """Return what is said of an image that can't be built; no traceback is."""
    put(project, dockerfile, registry)
    said = project.call("up", "--yes")
    assert said.returncode == 1, said
    assert "Traceback" not in said.stderr
    return said.stderr


def test_a_step_that_fails_is_named_with_its_last_lines_and_the_old_image_stays(project: ImageProject) -> None:
    put(project, SCRATCH)
    project.must("up", "--yes")
    before = project.state("qa/blue")
    said = refused(project, f"{SCRATCH}RUN for i in $(seq 40); do echo line $i; done; exit 3\n")
    assert (
        "image qa/blue: the build step `for i in $(seq 40); do echo line $i; done; exit 3` ended with status 3" in said
    )
    assert "line 40" in said
    assert "line 20" not in said
    assert "What served before still serves." in said
    assert project.state("qa/blue")["digest"] == before["digest"]
    assert in_registry(before["ref"])
    put(project, SCRATCH)
    project.must("up", "--yes")
    assert project.state("qa/blue")["ref"] == before["ref"]


def test_a_base_that_does_not_exist(project: ImageProject, services: ImageServices) -> None:
    put(project, SCRATCH)
    project.must("up", "--yes")
    base = f"{services.local_registry().address}/none/such:1"
    assert f"its base {base} does not exist" in refused(project, f"FROM {base}\n")


def test_a_base_that_can_not_be_reached(project: ImageProject) -> None:
    said = refused(project, f"FROM 127.0.0.1:{free_port()}/team/base:1\n")
    assert "the registry of its base" in said
    assert "connection refused" in said


def test_a_file_that_is_not_in_the_context(project: ImageProject) -> None:
    assert "copies /app, which is not in the build context" in refused(project, f"{SCRATCH}COPY app /app\n")


def test_a_dockerfile_that_can_not_be_read(project: ImageProject) -> None:
    assert "line 3 of its Dockerfile: unknown instruction: RAN" in refused(project, f"{SCRATCH}RAN true\n")


def test_a_registry_that_does_not_answer(project: ImageProject) -> None:
    address = f"127.0.0.1:{free_port()}"
    said = refused(project, SCRATCH, address)
    assert f"image qa/blue is built, but registry {address} can't be reached" in said
    assert "nothing is built twice" in said


class Closed(BaseHTTPRequestHandler):
    """A registry that lets nobody push."""

    def handle_one_request(self) -> None:
        if self.rfile.readline():
            while self.rfile.readline() not in (b"\r\n", b""):
                pass
            self.wfile.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        self.close_connection = True


@pytest.fixture
def closed() -> Iterator[str]:
    """The address of a registry that refuses."""
    server = HTTPServer(("127.0.0.1", 0), Closed)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_registry_that_refuses(project: ImageProject, closed: str) -> None:
    said = refused(project, SCRATCH, closed)
    assert f"registry {closed} refuses image qa/blue" in said
    assert f"docker login {closed}" in said


def test_ctrl_c_stops_the_build(project: ImageProject, services: ImageServices) -> None:
    mark = f"61.{os.getpid()}"
    put(project, f"{SCRATCH}RUN sleep {mark}\n")
    process = project.start("up", "--yes")
    wait_until(lambda: sleeping(mark), 60)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130, said
    wait_until(lambda: not sleeping(mark), 30)
    assert set(services.running()) == {"buildkit", "registry"}
    put(project, SCRATCH)
    project.must("up", "--yes")


def sleeping(mark: str) -> bool:
    return subprocess.run(["pgrep", "-f", f"^sleep {mark}"], stdout=subprocess.DEVNULL, check=False).returncode == 0


@pytest.fixture
def small_disk(services: ImageServices) -> Iterator[Path]:
    """BuildKit's folder on a disk of 120 MB."""
    services.stop()
    folder = services.programs.folder.buildkit_state
    folder.mkdir(parents=True, exist_ok=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=120m", "tmpfs", folder], check=False).returncode:
        pytest.skip("a file system can't be mounted here")
    yield folder
    services.stop()
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_is_said_so(project: ImageProject, small_disk: Path) -> None:
    said = refused(project, f"{SCRATCH}RUN dd if=/dev/zero of=/large bs=1M count=200\n")
    assert "no space left on the disk" in said
    assert "sluice environment builder prune" in said
    assert small_disk.exists()
