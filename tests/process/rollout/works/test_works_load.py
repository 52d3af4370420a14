"""The load generator against a real server."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from told_server import Request, Told, Web, stopped_when

from sluice.judging.verdicts import Verdict
from sluice.rollout.works import perform
from sluice.rollout.world import Case, Result, Scene
from sluice.spec.frozen import frozen_map
from sluice.spec.rollout import Load

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("no_secret")]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "requests.jsonl"
    path.write_text('{"q": 1}\n\n{"q": 2}\n  {"q": 3}  \n')
    return path


def loaded(scene: Scene, data: Path | None, **changes: Any) -> Result:
    return perform(replace(Load(requests=30, rate=1000, data=data, timeout_s=20), **changes), scene)


def test_requests_reach_the_new_deployment_with_the_key_case_by_case(web: Web, scene: Scene, data: Path) -> None:
    found = loaded(scene, data)
    assert found.verdict is Verdict.PASS
    assert found.says.startswith("30 requests to green: 30 x 200; p50 ")
    assert {request.deployment for request in web.requests} == {"green"}
    assert {request.headers["authorization"] for request in web.requests} == {scene.headers["Authorization"]}
    assert Counter(request.body for request in web.requests) == {b'{"q": 1}': 10, b'{"q": 2}': 10, b'{"q": 3}': 10}
    latency = found.report["latency_ms"]
    assert 0 < latency["p50"] <= latency["p95"] <= latency["p99"] <= latency["max"]
    lines = [json.loads(line) for line in (scene.folder / "load-cases.jsonl").read_text().splitlines()]
    assert Counter(line["id"] for line in lines) == {f"requests.jsonl:{n}": 10 for n in (1, 3, 4)}


def failing(web: Web, every: int) -> None:
    def answer(_: Request) -> Told:
        return Told(500 if len(web.requests) % every == 0 else 200)

    web.answering = answer


def test_failures_over_the_share_fail_and_come_first_in_the_report(web: Web, scene: Scene, data: Path) -> None:
    failing(web, 10)
    found = loaded(scene, data, concurrency=1, failures_allowed=0.05)
    assert found.verdict is Verdict.FAIL
    assert "2 x 500" in found.says
    assert "2 of 30 failed, more than 5 %" in found.says
    assert len(web.requests) < 30, "the verdict was certain"
    assert json.loads((scene.folder / "load-cases.jsonl").read_text().splitlines()[0])["status"] == 500


def test_failures_up_to_the_share_pass(web: Web, scene: Scene, data: Path) -> None:
    failing(web, 10)
    found = loaded(scene, data, concurrency=1, failures_allowed=0.1)
    assert (found.verdict, found.report["failed"]) == (Verdict.PASS, 3)


def test_no_more_are_under_way_than_may_be(web: Web, scene: Scene, data: Path) -> None:
    web.answering = lambda _: Told(hangs=True)
    with stopped_when(lambda: web.wait_for(3), scene.stop):
        found = loaded(scene, data, concurrency=3, timeout_s=600)
    assert len(web.requests) == 3
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "was stopped before the last" in found.says


def test_a_deployment_that_hangs_fails(web: Web, scene: Scene, data: Path) -> None:
    web.answering = lambda _: Told(hangs=True)
    found = loaded(scene, data, timeout_s=0.2)
    assert found.verdict is Verdict.FAIL
    assert "no answer within 0.2 s" in found.says


def test_an_answer_of_another_deployment_is_a_failure(web: Web, scene: Scene, data: Path) -> None:
    web.answering = lambda _: Told(headers=frozen_map({"azureml-model-deployment": "blue"}))
    found = loaded(scene, data)
    assert (found.verdict, "answered by blue" in found.says) == (Verdict.FAIL, True)


def test_nobody_there_fails(scene: Scene, data: Path) -> None:
    found = loaded(replace(scene, url="http://127.0.0.1:1/score"), data)
    assert found.verdict is Verdict.FAIL
    assert "can't connect" in found.says


CASES = tuple(Case(f"r{n}", f"body {n}".encode(), "text/plain") for n in range(5))


def test_recorded_requests_are_sent_as_they_were(web: Web, scene: Scene) -> None:
    found = loaded(replace(scene, recorded=CASES), None, recorded=True, requests=7)
    assert found.verdict is Verdict.PASS
    assert Counter(request.body for request in web.requests)[b"body 0"] == 2
    assert {request.headers["content-type"] for request in web.requests} == {"text/plain"}


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (None, "requests.jsonl: can't be read (No such file or directory)"),
        (["", "  "], "requests.jsonl: holds no request"),
        (['{"q": 1}', "{q: 2}"], "requests.jsonl:2:1: a line of requests is not JSON"),
    ],
)
def test_no_requests_are_no_pass(scene: Scene, tmp_path: Path, lines: Sequence[str] | None, says: str) -> None:
    data = tmp_path / "requests.jsonl"
    if lines is not None:
        data.write_text("\n".join(lines))
    found = loaded(scene, data)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert says in found.says


def test_nothing_recorded_is_no_pass(scene: Scene) -> None:
    found = loaded(scene, None, recorded=True)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "no request to endpoint chat was recorded" in found.says
