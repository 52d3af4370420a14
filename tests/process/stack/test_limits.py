"""The limits at the door, with a flow that answers when it is told to: who answers, too many at once, too late."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from projects import Answer, Project, bearer, lent, post, wait_until

from sluice.targets.local import gateways
from sluice.targets.local.target import LocalTarget

pytestmark = [pytest.mark.process, pytest.mark.engine]

BLUE = "endpoints/qa/blue.yaml"
DEPLOYMENT = "azureml-model-deployment"
AT_ONCE = 8
# The question names a file; the answer comes once that file is there.
WAITING_FLOW = """
import time
from pathlib import Path

from promptflow.core import tool


@tool
def answer(question: str) -> dict:
    while not Path(question).exists():
        time.sleep(0.02)
    return {"answer": "at last", "source": question}
"""


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Two deployments of the waiting flow, one request at a time each; hasty, without traffic, allows a second."""
    with lent(tmp_path_factory.mktemp("limits") / "p") as project:
        project.write("flows/qa-blue/answer.py", WAITING_FLOW)
        project.edit(BLUE, "max_concurrent_requests_per_instance: 10", "max_concurrent_requests_per_instance: 1")
        project.edit(BLUE, "request_timeout_ms: 10000", "request_timeout_ms: 60000")
        hasty = (project.root / BLUE).read_text().replace("name: blue", "name: hasty")
        project.write("endpoints/qa/hasty.yaml", hasty.replace("60000", "1000"))
        for name in ("endpoints/qa/green.yaml", "models/qa-green.yaml"):
            (project.root / name).unlink()
        project.must("up", "--yes")
        yield project


def question(gate: Path) -> str:
    return json.dumps({"question": str(gate)})


def test_the_header_chooses_and_tells_who_answers(patient: Project, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    gate.touch()

    assert patient.score(question(gate)).deployment == "blue"
    for name in ("blue", "hasty"):
        answer = patient.score(question(gate), **{DEPLOYMENT: name})
        assert (answer.status, answer.deployment, answer.json()["answer"]) == (200, name, "at last")
    unknown = patient.score(question(gate), **{DEPLOYMENT: "gold"})
    assert unknown.status == 404
    assert "blue, hasty" in unknown.json()["error"]["message"]


def test_too_many_at_once_are_turned_away_and_the_others_answered(patient: Project, tmp_path: Path) -> None:
    """One executes, one waits (and one more while connections open); the rest get 429 at once."""
    gate, port, key = tmp_path / "gate", patient.port(), bearer(patient.key())
    with ThreadPoolExecutor(AT_ONCE) as pool:
        asked = [pool.submit(post, port, question(gate), key) for _ in range(AT_ONCE)]
        try:
            wait_until(lambda: sum(one.done() for one in asked) >= AT_ONCE - 3)
        finally:
            gate.touch()
        answers = [one.result() for one in asked]

    counts = Counter(answer.status for answer in answers)
    assert counts.keys() == {200, 429}
    assert counts[200] in {2, 3}
    for answer in answers:
        assert answer.status == 200 or turned_away(answer)


def turned_away(answer: Answer) -> bool:
    reason = answer.headers["ms-azureml-model-error-reason"]
    return (answer.json()["error"]["code"], reason) == ("TooManyRequests", "too many requests")


def test_an_answer_that_takes_too_long_is_a_408(patient: Project, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    try:
        late = patient.score(question(gate), **{DEPLOYMENT: "hasty"})
    finally:
        gate.touch()

    assert late.status == 408
    assert late.json()["error"]["code"] == "RequestTimeout"
    assert late.headers["ms-azureml-model-error-reason"] == "request timeout"
    wait_until(lambda: patient.score(question(gate), **{DEPLOYMENT: "hasty"}).status == 200)


def test_time_limits_change_without_new_replicas(patient: Project, tmp_path: Path) -> None:
    replicas = patient.deployment("hasty")["replicas"]
    patient.edit("endpoints/qa/hasty.yaml", "request_timeout_ms: 1000", "request_timeout_ms: 60000")

    patient.must("up", "--yes")

    assert patient.deployment("hasty")["replicas"] == replicas
    gate = tmp_path / "gate"
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(patient.score, question(gate), **{DEPLOYMENT: "hasty"})
        wait_until(lambda: in_flight(patient, "hasty") == 1)
        gate.touch()
        assert asked.result().status == 200


def in_flight(project: Project, deployment: str) -> int:
    """Ask the gateway how many requests a deployment has."""
    router = gateways.router(LocalTarget.of(project.root, "dev"), "question-answering")
    return router.in_flight(deployment)
