"""A flow in a container: prompt flow's serving with the image's own Python, from the example as it is."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from docker_engine import USED, Dockerd, import_image
from openai_server import Behaviour, ChatServer
from projects import Load, Project, lent

from sluice.plan.servers import ServerKind

pytestmark = [pytest.mark.process, pytest.mark.engine]
FLOW_IMAGE = "mcr.microsoft.com/azureml/promptflow/promptflow-runtime:latest"
KEY = "k-chat-0123456789"


@pytest.fixture(scope="module")
def image(docker: Dockerd, packages: Callable[[ServerKind], Path], tmp_path_factory: pytest.TempPathFactory) -> None:
    """An image with prompt flow, under the name that the examples give."""
    folder = tmp_path_factory.mktemp("flow-image")
    prompt_flow = {USED: packages(ServerKind.FLOW)}
    import_image(docker.api, FLOW_IMAGE, folder / "image.tar", prompt_flow, ["USER 1000:1000"])


@pytest.fixture
def flow(docker: Dockerd, image: None, tmp_path: Path) -> Iterator[Project]:
    """The question-answering example, up as a process."""
    with lent(tmp_path / "p") as project:
        project.environ["DOCKER_HOST"] = docker.address
        project.must("up", "--yes")
        yield project


@pytest.fixture
def model(docker: Dockerd) -> Iterator[ChatServer]:
    """A language model that containers reach."""
    with ChatServer(Behaviour(key=KEY), host=docker.gateway) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_stack_moves_into_containers_without_a_loss(flow: Project) -> None:
    """All but green, whose flow has packages of its own that the image has not."""
    before = flow.score().json()
    flow.edit("endpoints/qa/green.yaml", "name: green\n", "name: green\nproperties: {sluice.runtime: process}\n")
    flow.write("stacks/dev/stack.yaml", "runtime: docker\n")

    with Load(flow.port(), flow.key()) as load:
        flow.must("up", "--yes")

    assert load.failed == []
    assert {one["name"]: one["runtime"] for one in flow.status()["deployments"]} == {
        "blue": "docker",
        "green": "process",
    }
    assert flow.score().json() == before
    assert flow.call("preview", "--expect-no-changes").returncode == 0
    assert "execution.flow" in flow.must("logs", "-d", "blue", "-n", "1000")


def test_a_flow_in_a_container_has_the_connections_it_was_granted(
    docker: Dockerd, image: None, model: ChatServer, tmp_path: Path
) -> None:
    with lent(tmp_path / "p", "chat") as project:
        project.environ |= {"DOCKER_HOST": docker.address, "CHAT_MODEL_KEY": KEY}
        address = f"http://host.docker.internal:{model.server_port}/v1"
        project.edit("connections/chat-model.yaml", "http://127.0.0.1:8111/v1", address)
        project.write("stacks/dev/stack.yaml", "runtime: docker\n")
        project.must("up", "--yes")

        assert project.score('{"question": "Where is the mill?"}').json()["answer"].startswith("You asked: Where")
        shown = docker.api.inspect_container(project.deployment("blue")["replicas"][0]["container"])
        assert KEY not in json.dumps(shown)
