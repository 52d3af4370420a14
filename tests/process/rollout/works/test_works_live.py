"""Live load against a real server."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from told_server import WAIT_S, Told, Web

from sluice.judging.verdicts import Verdict
from sluice.rollout.works import perform
from sluice.rollout.works.live import live
from sluice.rollout.world import Case, Result, Scene
from sluice.spec.rollout import Load

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("no_secret")]


@pytest.fixture
def work(tmp_path: Path) -> Load:
    path = tmp_path / "requests.jsonl"
    path.write_text('{"q": 1}\n{"q": 2}\n')
    return Load(rate=500, data=path, live=True)


@contextmanager
def going_on(work: Load, scene: Scene) -> Iterator[list[Result]]:
    """Do it until the block is left; what came of it is there then."""
    found: list[Result] = []
    thread = threading.Thread(target=lambda: found.append(perform(work, scene)))
    thread.start()
    try:
        yield found
    finally:
        scene.stop.set()
        thread.join(WAIT_S)


def test_requests_name_no_deployment_and_go_on_until_it_is_stopped(web: Web, scene: Scene, work: Load) -> None:
    with going_on(work, scene) as found:
        web.wait_for(50)
        assert not found
    assert found[0].verdict is Verdict.PASS
    assert {request.deployment for request in web.requests} == {""}
    assert {request.headers["authorization"] for request in web.requests} == {scene.headers["Authorization"]}
    bodies = Counter(request.body for request in web.requests)
    assert abs(bodies[b'{"q": 1}'] - bodies[b'{"q": 2}']) <= 1
    report = json.loads((scene.folder / "load.json").read_text())
    assert report["outcomes"] == {"200": len(web.requests)}, "those under way were waited for"


def test_what_is_due_while_so_many_are_under_way_is_left_out(web: Web, scene: Scene, work: Load) -> None:
    web.answering = lambda _: Told(hangs=True)
    found = live(replace(work, concurrency=3, timeout_s=0.2), scene, shift_s=0.5)
    assert len(web.requests) <= 9, "three at a time, thrice"
    assert found.report["outcomes"] == {"no answer within 0.2 s": len(web.requests)}


def test_failures_are_for_the_gates_to_judge(web: Web, scene: Scene, work: Load) -> None:
    web.answering = lambda _: Told(500)
    with going_on(work, scene) as found:
        web.wait_for(20)
    assert found[0].verdict is Verdict.PASS
    assert set(found[0].report["outcomes"]) == {"500"}


def test_nobody_there_is_for_the_gates_too(scene: Scene, work: Load) -> None:
    found = live(replace(work, timeout_s=1), replace(scene, url="http://127.0.0.1:1/score"), shift_s=0.2)
    assert found.verdict is Verdict.PASS
    assert "can't connect" in next(iter(found.report["outcomes"]))


def test_a_door_that_is_closed_ends_it_for_a_fresh_key(web: Web, scene: Scene, work: Load) -> None:
    web.answering = lambda _: Told(401)
    found = perform(work, scene)
    assert (found.verdict, found.says) == (Verdict.INCONCLUSIVE, "the door of chat is closed to it (401)")


def test_it_ends_after_a_while_to_begin_with_fresh_data(web: Web, scene: Scene, work: Load) -> None:
    found = live(work, scene, shift_s=0.2)
    assert (found.verdict, found.report["requests"]) == (Verdict.PASS, len(web.requests))


def test_recorded_requests_are_sent_as_they_were(web: Web, scene: Scene) -> None:
    cases = tuple(Case(f"r{n}", f"body {n}".encode(), "text/plain") for n in range(3))
    with going_on(Load(rate=500, recorded=True, live=True), replace(scene, recorded=cases)):
        web.wait_for(6)
    assert {request.body for request in web.requests} == {case.body for case in cases}
    assert {request.headers["content-type"] for request in web.requests} == {"text/plain"}


def test_without_requests_it_can_not_be_done(scene: Scene, work: Load) -> None:
    assert work.data
    work.data.unlink()
    found = perform(work, scene)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "requests.jsonl: can't be read (No such file or directory)" in found.says
