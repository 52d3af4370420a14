"""Runs that ask a server: any address, with the data of a flow's run; and evaluations of what it answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from projects import Project, new_project

from sluice.judging.scores import Printed, read

pytestmark = pytest.mark.process

KEY = "Bearer k-0123456789"


@dataclass
class Seen:
    """A server, and what it was asked."""

    url: str = ""
    headers: list[dict[str, str]] = field(default_factory=list)
    busy: int = 2
    lock: threading.Lock = field(default_factory=threading.Lock)


@pytest.fixture
def server() -> Iterator[Seen]:
    """A server that turns texts round; it is too busy at first, fails at `bad` and never answers `slow`."""
    seen, end = Seen(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with seen.lock:
                seen.headers.append({name.lower(): value for name, value in self.headers.items()})
                seen.busy -= 1
                busy = seen.busy >= 0
            if busy:
                return self._say(429, {"error": "busy"})
            if body["question"] == "slow":
                end.wait(30)
            status = 500 if body["question"] == "bad" else 200
            return self._say(status, {"answer": body["question"][::-1], "source": "s"})

        def _say(self, status: int, answer: dict[str, str]) -> None:
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(text)))
            self.send_header("x-sluice-tokens", "3")
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.daemon_threads = True
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    seen.url = f"http://127.0.0.1:{made.server_port}/score"
    yield seen
    end.set()
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = new_project(tmp_path / "p")
    questions = ["abc", "bad", "slow", "xyz"]
    made.write(
        "data/few.jsonl",
        "".join(json.dumps({"question": q, "expected": q[::-1], "source": "s"}) + "\n" for q in questions),
    )
    made.write("headers.json", json.dumps({"authorization": KEY}))
    (made.root / "headers.json").chmod(0o600)
    return made


def test_a_server_is_asked_every_line_and_told_by_what_it_answers(project: Project, server: Seen) -> None:
    project.must(
        "run", "create", "-f", "evaluations/run.yml", "--set", "data=../data/few.jsonl", "--name", "r",
        "--url", server.url, "--headers-file", "headers.json", "--deployment", "green", "--line-timeout", "2",
    )  # fmt: skip
    folder = project.root / ".sluice/runs/r"
    found = [json.loads(line) for line in (folder / "outputs.jsonl").read_text().splitlines()]
    assert [(one["line_number"], one["answer"]) for one in found] == [(0, "cba"), (3, "zyx")]
    errors = [json.loads(line) for line in (folder / "errors.jsonl").read_text().splitlines()]
    assert [one["error"] for one in errors] == ['status 500: {"answer": "dab", "source": "s"}', "took longer than 2 s"]
    assert json.loads(project.must("run", "show", "r"))["tokens"] == 6
    assert {(one["authorization"], one["azureml-model-deployment"]) for one in server.headers} == {(KEY, "green")}
    assert not [path for path in folder.rglob("*") if path.is_file() and KEY in path.read_text()]


def test_a_rollouts_step_can_evaluate_a_deployment_without_traffic(project: Project, server: Seen) -> None:
    done = project.call(
        "eval", "run", "-f", "evaluations/run_evaluation.yml", "--ask", "evaluations/run.yml", "--line-timeout", "2",
        "--json",
        SLUICE_SCORING_URL=server.url, SLUICE_DEPLOYMENT="green", SLUICE_ENDPOINT="qa",
        SLUICE_HEADERS_FILE=str(project.root / "headers.json"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    printed = read(done.stdout)
    assert isinstance(printed, Printed)
    assert not printed.faults
    assert len(printed.cases) == 23
    assert {metrics["correct"] for _, metrics in printed.cases} == {0.0}
    assert {one["azureml-model-deployment"] for one in server.headers} == {"green"}


def test_lines_that_the_server_failed_are_cases_without_a_score(project: Project, server: Seen) -> None:
    done = project.call(
        "eval", "run", "-f", "evaluations/few.yml", "--url", server.url, "--headers-file", "headers.json",
        "--line-timeout", "2", "--json",
    )  # fmt: skip
    assert done.returncode == 2  # no such file
    text = (project.root / "evaluations/run_evaluation.yml").read_text().replace("questions.jsonl", "few.jsonl")
    project.write("evaluations/few.yml", text)
    done = project.call(
        "eval", "run", "-f", "evaluations/few.yml", "--url", server.url, "--headers-file", "headers.json",
        "--line-timeout", "2", "--json",
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert {case["id"]: case["metrics"].get("correct") for case in found["cases"]} == {
        "0": 1.0, "1": None, "2": None, "3": 1.0
    }  # fmt: skip
    assert found["metrics"]["accuracy"] == 1.0


def test_an_address_with_a_credential_is_refused(project: Project) -> None:
    done = project.call("run", "create", "-f", "evaluations/run.yml", "--url", "http://u:secret@127.0.0.1:1/score")
    assert done.returncode == 2
    assert "secret" not in done.stderr
