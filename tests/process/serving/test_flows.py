"""The example flows behind prompt flow's own serving."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.process

EXAMPLES = Path(__file__).parents[3] / "examples"
QUESTION_ANSWERING = EXAMPLES / "question-answering"
BLUE = QUESTION_ANSWERING / "flows" / "qa-blue"
GREEN = QUESTION_ANSWERING / "flows" / "qa-green"
STORY = {"question": "What is the name of the librarian who reads the stories?"}
ENGINES = ("flask", "fastapi")
StartFlow = Callable[..., Any]

SLOW_FLOW = {
    "flow.dag.yaml": """
inputs:
  name: {type: string}
outputs:
  greeting: {type: string, reference: "${greet.output}"}
nodes:
- name: greet
  type: python
  source: {type: code, path: greet.py}
  inputs: {name: "${inputs.name}"}
""",
    "greet.py": """
import os
import time
from pathlib import Path

from promptflow.core import tool

HERE = Path(os.environ["MEETING_PLACE"])


@tool
def greet(name: str) -> str:
    (HERE / "begun").touch()
    while not (HERE / "go").exists():
        time.sleep(0.01)
    return f"hello {name}"
""",
}


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).write_text(text)


def rightly_answered(server: Any) -> int:
    rows = [json.loads(line) for line in (QUESTION_ANSWERING / "data/questions.jsonl").read_text().splitlines()]
    answers = [server.score({"question": row["question"]}).json() for row in rows]
    return sum(row["expected"] in answer["answer"] for row, answer in zip(rows, answers, strict=True))


def test_green_answers_clearly_more_questions_than_blue(start_flow: StartFlow) -> None:
    blue, green = start_flow(BLUE), start_flow(GREEN)

    assert (rightly_answered(blue), rightly_answered(green)) == (15, 22)


@pytest.mark.parametrize("engine", ENGINES)
def test_both_engines_answer_on_all_their_routes(start_flow: StartFlow, engine: str) -> None:
    server = start_flow(GREEN, env={"PROMPTFLOW_SERVING_ENGINE": engine})

    assert server.score(STORY).json()["source"] == "Story hour"
    assert server.ask("GET", "/health").json()["status"] == "Healthy"
    assert server.ask("GET", "/version").json()["version"]
    assert "/score" in server.ask("GET", "/swagger.json").json()["paths"]


def test_the_response_holds_the_fields_asked_for(start_flow: StartFlow) -> None:
    server = start_flow(GREEN, env={"PROMPTFLOW_RESPONSE_INCLUDED_FIELDS": '["source"]'})

    assert server.score(STORY).json() == {"source": "Story hour"}


def test_an_exception_in_a_node_answers_400(start_flow: StartFlow, tmp_path: Path) -> None:
    """So the errors that a rollout counts can't be 5xx alone."""
    write(tmp_path, SLOW_FLOW)
    (tmp_path / "greet.py").write_text(
        "from promptflow.core import tool\n\n\n@tool\ndef greet(name: str) -> str:\n    return 1 / 0\n"
    )

    assert start_flow(tmp_path).score({"name": "Ada"}).status == 400


def test_workers_are_as_many_as_asked(start_flow: StartFlow) -> None:
    server = start_flow(BLUE, env={"PROMPTFLOW_WORKER_NUM": "2"})

    assert server.score(STORY).status == 200
    assert len(children(server.process.pid)) == 2


def children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_request_in_flight_ends_when_the_server_is_told_to_stop(
    start_flow: StartFlow, tmp_path: Path, engine: str
) -> None:
    write(tmp_path, SLOW_FLOW)
    server = start_flow(tmp_path, env={"PROMPTFLOW_SERVING_ENGINE": engine, "MEETING_PLACE": str(tmp_path)})
    answers: list[Any] = []
    asking = threading.Thread(target=lambda: answers.append(server.score({"name": "Ada"})))
    asking.start()
    wait_until((tmp_path / "begun").exists)

    os.kill(server.process.pid, signal.SIGTERM)
    wait_until(lambda: "Handling signal: term" in server.words())
    (tmp_path / "go").touch()
    asking.join(30)

    assert [(answer.status, answer.json()) for answer in answers] == [(200, {"greeting": "hello Ada"})]
    assert server.process.wait(30) == 0


def wait_until(condition: Callable[[], bool]) -> None:
    gone = threading.Event()
    for _ in range(3000):
        if condition():
            return
        gone.wait(0.01)
    pytest.fail("not so within 30 s")


def test_nothing_is_told_about_use(start_flow: StartFlow, tmp_path: Path) -> None:
    write(tmp_path, SELF_FLOW)

    told = start_flow(tmp_path).score({"salt": ""}).json()["told"]

    assert told["consent"] is False
    assert told["trace_destination"] == "none"
    assert "ConfigurationWorker" not in told["threads"]


SELF_FLOW = {
    "flow.dag.yaml": """
inputs:
  salt: {type: string}
outputs:
  told: {type: object, reference: "${tell.output}"}
nodes:
- name: tell
  type: python
  source: {type: code, path: tell.py}
  inputs: {salt: "${inputs.salt}"}
""",
    "tell.py": """
import threading

from promptflow._sdk._configuration import Configuration
from promptflow.core import tool


@tool
def tell(salt: str) -> dict:
    configuration = Configuration.get_instance()
    return {
        "consent": configuration.get_telemetry_consent(),
        "trace_destination": configuration.get_trace_destination(),
        "threads": [thread.name for thread in threading.enumerate()],
    }
""",
}


def test_a_flow_that_does_not_load_ends_the_server_and_says_why(start_flow: StartFlow, tmp_path: Path) -> None:
    write(tmp_path, SLOW_FLOW)
    (tmp_path / "greet.py").write_text("import a_module_nobody_has\n")

    server = start_flow(tmp_path, healthy=False)

    assert server.process.wait(60) != 0
    assert "a_module_nobody_has" in server.words()
