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


@pytest.mark.parametrize("body", [{"question": None}, {"other": 1}, []])
def test_a_request_without_question_is_no_server_error(start_flow: StartFlow, body: Any) -> None:
    assert start_flow(GREEN).score(body).status < 500


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
    for name, text in SLOW_FLOW.items():
        (tmp_path / name).write_text(text)
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


def test_telemetry_and_the_trace_daemon_stay_off(start_flow: StartFlow, tmp_path: Path) -> None:
    server = start_flow(GREEN, env={"PROMPTFLOW_SERVING_ENGINE": "flask"})
    assert server.score(STORY).status == 200

    pids = [str(server.process.pid), *children(server.process.pid)]

    assert sockets_to_elsewhere(pids) == []
    assert not any(Path(f"/proc/{pid}/task/{pid}/children").read_text() for pid in pids[1:])


def sockets_to_elsewhere(pids: list[str]) -> list[str]:
    """Return the addresses of TCP peers that are not on this machine."""
    own = {str(link.readlink()) for pid in pids for link in Path(f"/proc/{pid}/fd").iterdir()}
    rows = [line.split() for line in Path(f"/proc/{pids[0]}/net/tcp").read_text().splitlines()[1:]]
    theirs = [row[2] for row in rows if f"socket:[{row[9]}]" in own]
    return [peer for peer in theirs if not peer.startswith(("0100007F", "00000000"))]


def test_a_flow_that_does_not_load_ends_the_server_and_says_why(start_flow: StartFlow, tmp_path: Path) -> None:
    for name, text in SLOW_FLOW.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "greet.py").write_text("import a_module_nobody_has\n")

    server = start_flow(tmp_path, healthy=False)

    assert server.process.wait(60) != 0
    assert "a_module_nobody_has" in server.words()
