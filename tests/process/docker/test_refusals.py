"""What a container can't do, said so that it can be mended; what served before serves on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from docker_engine import Dockerd
from projects import Project

pytestmark = [pytest.mark.process, pytest.mark.engine]

# Its worker is killed, again and again; the server, and so the container, goes on.
GREEDY = """
def init():
    global everything
    everything = bytearray(b"x") * (4 * 1024**3)


def run(data):
    return data
"""


@pytest.fixture
def alone(fresh: Project) -> Project:
    """A project with green alone, not up."""
    (fresh.root / "endpoints/qa/gold.yaml").unlink()
    return fresh


def test_no_docker_says_what_to_install_and_what_else_to_do(alone: Project, tmp_path: Path) -> None:
    nowhere = {"DOCKER_HOST": f"unix://{tmp_path}/nothing.sock"}
    for verb in (("up", "--yes"), ("preview",)):
        done = alone.call(*verb, **nowhere)

        assert done.returncode == 1
        assert "Install Docker" in done.stderr
        assert "runtime: process" in done.stderr


def test_an_image_that_can_not_be_pulled_says_why(alone: Project) -> None:
    alone.write("environments/none.yaml", "name: none\nversion: '1'\nimage: 127.0.0.1:9/nobody/here:1\n")
    alone.edit("endpoints/qa/green.yaml", "environment:\n  image: mcr.microsoft.com/azureml/minimal-py311-inference:1",
               "environment: azureml:none:1")  # fmt: skip

    done = alone.call("up", "--yes")

    assert done.returncode == 1
    assert "127.0.0.1:9/nobody/here:1 can't be pulled" in done.stderr
    assert "connection refused" in done.stderr


def test_an_image_that_can_not_be_built_for_want_of_its_base_says_so(alone: Project) -> None:
    alone.write("endpoints/qa/conda.yaml", "dependencies:\n  - pip:\n      - rank-bm25==0.2.2\n")
    alone.edit("endpoints/qa/green.yaml", "inference:1\n", "inference:1\n  conda_file: conda.yaml\n")

    done = alone.call("up", "--yes")

    assert done.returncode == 1
    assert "question-answering/green" in done.stderr
    assert "name a base in a registry that this machine reaches" in done.stderr


def test_a_script_that_fails_in_its_container_shows_its_last_lines(alone: Project) -> None:
    alone.edit("scoring/score.py", "answers.json", "nowhere.json")

    done = alone.call("up", "--yes")

    assert done.returncode == 1
    assert "nowhere.json" in done.stderr
    assert "last log lines" in done.stderr


def test_an_image_without_the_server_shows_what_it_lacks(alone: Project) -> None:
    alone.edit("endpoints/qa/green.yaml", "mcr.microsoft.com/azureml/minimal-py311-inference:1", "sluice-test/base:1")

    done = alone.call("up", "--yes")

    assert done.returncode == 1
    assert "azureml_inference_server_http" in done.stderr


@pytest.mark.skipif(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") < 6 * 1024**3, reason="needs 6 GiB")
def test_a_container_that_takes_too_much_memory_is_said_to(alone: Project, docker: Dockerd) -> None:
    hurried = "Standard_DS1_v2\nreadiness_probe: {initial_delay: 5, period: 1, failure_threshold: 15}"
    alone.edit("endpoints/qa/green.yaml", "Standard_DS3_v2", hurried)
    alone.write("scoring/score.py", GREEDY)

    done = alone.call("up", "--yes")

    assert done.returncode == 1
    assert "OutOfMemoryError" in done.stderr, done.stderr
    assert "3.5 GiB" in done.stderr
