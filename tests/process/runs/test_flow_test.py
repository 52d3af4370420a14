"""`sluice flow test`: one input, one node, a chat; and connections, whose secrets are nowhere written down."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from projects import REPOSITORY, SLUICE, Project, new_project

pytestmark = pytest.mark.process

SECRET = "k-0123456789-secret"


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The chat example with a model on this machine."""
    project = new_project(tmp_path_factory.mktemp("chat") / "chat", "chat")
    project.environ["CHAT_MODEL_KEY"] = SECRET
    server = REPOSITORY / "tests" / "support" / "openai_server.py"
    model = subprocess.Popen(
        [sys.executable, str(server)], env={"CHAT_MODEL_KEY": SECRET}, stdout=subprocess.PIPE, text=True
    )
    assert model.stdout
    project.edit("connections/chat-model.yaml", ":8111", f":{int(model.stdout.readline())}")
    yield project
    model.terminate()
    model.wait(30)
    model.stdout.close()


def test_a_flow_answers_one_input_and_one_node_does(library: Project) -> None:
    said = json.loads(library.must("flow", "test", "flows/qa-green", "-i", "question=When is the story hour?"))
    assert said["source"] == "Story hour"
    one = library.must("flow", "test", "flows/qa-green", "--node", "answer", "--input-file", "data/questions.jsonl")
    assert json.loads(one)["source"] == "Opening hours"
    graded = library.must(
        "flow", "test", "evaluations/answer-quality", "--node", "summarize",
        "-i", 'grade.output={"correct": true, "relevance": 4}',
    )  # fmt: skip
    assert json.loads(graded) == {"accuracy": 1.0, "relevance": 4.0}


def test_what_the_flow_has_not_is_refused_with_the_nearest_name(library: Project) -> None:
    done = library.call("flow", "test", "flows/qa-green", "-i", "qestion=x")
    assert (done.returncode, "Did you mean `question`?" in done.stderr) == (2, True)
    done = library.call("flow", "test", "flows/qa-green", "--node", "anser")
    assert (done.returncode, "Did you mean `answer`?" in done.stderr) == (2, True)


def test_a_failure_is_told_and_is_the_exit_status(odd: Project) -> None:
    done = odd.call("flow", "test", "flows/odd", "-i", "x=3", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"] == "ValueError: three is bad (double.py, line 13)"


def test_a_chat_remembers_its_turns(chat: Project) -> None:
    done = subprocess.run(
        [str(SLUICE), "flow", "test", "flows/chat", "--interactive"],
        cwd=chat.root, env={"PATH": "/usr/bin:/bin", "HOME": str(Path.home()), **chat.environ},
        input="Hello?\nAnd now?\n\n", capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["You asked: Hello? (0 turns before)", "You asked: And now? (1 turns before)"]


def test_a_run_gets_its_connections_and_no_file_of_it_has_the_secret(chat: Project) -> None:
    chat.write("questions.jsonl", '{"question": "Where?"}\n{"question": "When?"}\n')
    chat.write(
        "run.yml",
        "flow: flows/chat\ndata: questions.jsonl\nconnections: {chat: {connection: chat_model, model: other}}\n"
        "environment_variables: {KEY: '${chat_model.api_key}'}\n",
    )
    chat.must("run", "create", "-f", "run.yml", "--name", "r")
    record = json.loads(chat.must("run", "show", "r"))
    assert (record["lines"]["completed"], record["tokens"] > 0) == (2, True)
    written = [path for path in (chat.root / ".sluice").rglob("*") if path.is_file()]
    assert not [path for path in written if SECRET.encode() in path.read_bytes()]


def test_a_secret_that_is_not_set_is_told_before_anything_runs(chat: Project) -> None:
    done = chat.call("flow", "test", "flows/chat", "-i", "question=x", CHAT_MODEL_KEY="")
    assert done.returncode == 1
    assert "connection chat_model needs ${env:CHAT_MODEL_KEY}, which is not set here" in done.stderr
