"""The chat example and its connection: granted, refused, overridden, its secret changed and never shown."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from openai_server import Behaviour, ChatServer
from projects import Load, Project, lent, processes_of, pulumi

pytestmark = [pytest.mark.process, pytest.mark.engine]

ENDPOINT = "endpoints/chat/endpoint.yaml"
BLUE = "endpoints/chat/blue.yaml"
ENFORCE = "enforce_access_to_default_secret_stores: enabled"
ROLE = "Azure Machine Learning Workspace Connection Secrets Reader"
KEY, NEXT_KEY, OTHER_KEY = "k-first-0123456789", "k-second-0123456789", "k-other-0123456789"
QUESTION = '{"question": "Where is the mill?"}'
ANSWER = "You asked: Where is the mill? (0 turns before)"


@dataclass
class Town:
    """The chat example, up, with the two servers its connections lead to; the other one adds words."""

    project: Project
    model: ChatServer
    other: ChatServer

    def answer(self, deployment: str) -> str:
        """Ask one deployment."""
        answer = self.project.score(QUESTION, **{"azureml-model-deployment": deployment})
        assert (answer.status, answer.deployment) == (200, deployment), answer.body
        return str(answer.json()["answer"])

    def deploy_beside_blue(self, name: str, variable: str) -> None:
        """Write a deployment that differs from blue in one environment variable."""
        text = (self.project.root / BLUE).read_text().replace("name: blue", f"name: {name}", 1)
        self.project.write(f"endpoints/chat/{name}.yaml", f"{text.rstrip()}\n  {variable}\n")


@contextmanager
def served(behaviour: Behaviour) -> Iterator[ChatServer]:
    """Run a language model."""
    with ChatServer(behaviour) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def url_of(server: ChatServer) -> str:
    return f"http://127.0.0.1:{server.server_port}/v1"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """The example with blue, and beside it one deployment for each way to override its connection."""
    folder = tmp_path_factory.mktemp("chat") / "p"
    with (
        served(Behaviour(KEY)) as model,
        served(Behaviour(OTHER_KEY, noise=1.0)) as other,
        lent(folder, "chat") as project,
    ):
        town = Town(project, model, other)
        project.environ["CHAT_MODEL_KEY"] = KEY
        project.edit("connections/chat-model.yaml", "http://127.0.0.1:8111/v1", url_of(model))
        project.write(
            "connections/other.yaml",
            f"name: other\ntype: open_ai\napi_key: ${{config:OTHER_KEY}}\nbase_url: {url_of(other)}\n",
        )
        town.deploy_beside_blue("named", "chat_model: other")
        town.deploy_beside_blue("referenced", "chat_model: ${{azureml://connections/other}}")
        town.deploy_beside_blue("field", f"CHAT_MODEL_BASE_URL: {url_of(other)}")
        told = refused(project, "connections/other.yaml:3:10: ${config:OTHER_KEY} is not set")
        assert "--secret OTHER_KEY" in told
        done = pulumi(project, "config", "set", "--secret", "OTHER_KEY", OTHER_KEY)
        assert done.returncode == 0, done.stderr
        project.must("up", "--yes")
        yield town


def refused(project: Project, *words: str, verb: str = "preview", **environ: str) -> str:
    """Run a verb that has to be refused, once, with all the words."""
    done = project.call(verb, **environ)
    assert done.returncode == 1, done.stdout + done.stderr
    for word in words:
        assert done.stderr.count(word) == 1, done.stderr
    return done.stderr


def test_the_example_answers_through_its_connection(town: Town) -> None:
    assert town.answer("blue") == ANSWER
    assert town.project.must("invoke", "-r", "sample-request.json").startswith('{"answer":"You asked: And what')
    assert town.project.call("preview", "--expect-no-changes").returncode == 0


@pytest.mark.parametrize("deployment", ["named", "referenced"])
def test_a_variable_sends_a_deployment_to_another_connection(town: Town, deployment: str) -> None:
    answer = town.answer(deployment)

    assert answer != ANSWER
    assert set(ANSWER.split()) < set(answer.split())


def test_a_variable_replaces_one_field_of_the_connection(town: Town) -> None:
    """It goes to the other server with the first one's key, which opens nothing there."""
    header = {"azureml-model-deployment": "field"}

    answer = town.project.score(QUESTION, **header)

    assert answer.status >= 400
    assert "Incorrect API key" in answer.body
    assert KEY not in answer.body


def test_a_missing_secret_is_told_with_its_place_before_anything_is_planned(town: Town) -> None:
    told = refused(town.project, "connections/chat-model.yaml:4:10: ${env:CHAT_MODEL_KEY}", CHAT_MODEL_KEY="")

    assert "export CHAT_MODEL_KEY=" in told
    assert "OnlineEndpoint" not in told
    assert town.answer("blue") == ANSWER


def test_without_the_grant_it_is_refused_naming_identity_role_and_scope(town: Town) -> None:
    town.project.edit(ENDPOINT, ENFORCE, "note: none")

    told = town.project.call("preview")

    assert told.returncode == 1
    for words in ("identity town-chat", f"role '{ROLE}'", "scope workspace", "endpoints/chat/", "access.yaml"):
        assert words in told.stderr, told.stderr
    assert town.answer("blue") == ANSWER


def test_a_grant_in_an_access_file_does_as_well(town: Town) -> None:
    """The narrower grant takes the place of the derived one under running deployments."""
    grants = [
        {"identity": "town-chat", "role": ROLE, "scope": f"connection/{name}"} for name in ("chat_model", "other")
    ]
    town.project.write("access.yaml", json.dumps({"grants": grants}))

    town.project.must("up", "--yes")

    assert town.answer("blue") == ANSWER
    held = [path.name for path in (town.project.root / ".sluice/local/dev/role-assignments").iterdir()]
    assert len(held) == 2
    assert all("connection%2F" in name for name in held)
    assert town.project.call("preview", "--expect-no-changes").returncode == 0


def test_a_changed_secret_reaches_what_runs_without_losing_a_request(town: Town) -> None:
    for name in ("named", "referenced", "field"):
        (town.project.root / f"endpoints/chat/{name}.yaml").unlink()
    before = town.project.deployment("blue")["replicas"]
    town.model.behaviour = Behaviour(NEXT_KEY, former_key=KEY)
    town.project.environ["CHAT_MODEL_KEY"] = NEXT_KEY

    with Load(town.project.port(), town.project.key()) as load:
        town.project.must("up", "--yes")

    town.model.behaviour = Behaviour(NEXT_KEY)
    assert load.failed == []
    assert load.total > 0
    assert town.answer("blue") == ANSWER
    assert [one["name"] for one in town.project.status()["deployments"]] == ["blue"]
    assert {one["pid"] for one in town.project.deployment("blue")["replicas"]}.isdisjoint(
        {one["pid"] for one in before}
    )


def test_a_secret_lies_in_three_private_files_and_nowhere_else(town: Town) -> None:
    secrets = [key.encode() for key in (KEY, NEXT_KEY, OTHER_KEY)]
    files = [path for path in town.project.root.rglob("*") if path.is_file()]
    holders = [path for path in files if any(secret in path.read_bytes() for secret in secrets)]
    places = {path.relative_to(town.project.root / ".sluice/local/dev").parts[0] for path in holders}

    assert places == {"connections", "endpoints", "replicas"}
    assert {path.stat().st_mode & 0o777 for path in holders} == {0o600}
    for line in processes_of(town.project.root):
        process = Path("/proc") / line.split()[0]
        seen = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
        assert not [secret for secret in secrets if secret in seen], line


def test_down_keeps_the_configuration_and_says_so(town: Town) -> None:
    done = town.project.call("down", "--yes")

    assert done.returncode == 0, done.stderr
    assert "kept the stack's configuration: library:OTHER_KEY" in done.stderr
    assert pulumi(town.project, "config", "get", "OTHER_KEY").stdout.strip() == OTHER_KEY
