"""Parity of two deployments behind a real server."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from told_server import Request, Told, Web, stopped_when

from sluice.judging.verdicts import Verdict
from sluice.rollout.works import perform
from sluice.rollout.world import Case, Result, Scene
from sluice.spec.rollout import Likeness, Parity

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("no_secret")]

QUESTIONS = 10


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(f'{{"q": {n}}}\n' for n in range(QUESTIONS)))
    return path


def compared(scene: Scene, data: Path | None, **changes: Any) -> Result:
    return perform(replace(Parity(data=data, timeout_s=20), **changes), scene)


def answering(web: Web, **odd: Told) -> None:
    """Both deployments answer alike, but the new one to the questions named as `q3=...`."""

    def answer(asked: Request) -> Told:
        number = asked.json["q"]
        if asked.deployment == "green" and f"q{number}" in odd:
            return odd[f"q{number}"]
        return Told(body=json.dumps({"answer": f"it is {number}", "n": number}).encode())

    web.answering = answer


def lines(scene: Scene) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (scene.folder / "parity-cases.jsonl").read_text().splitlines()]


def test_alike(web: Web, scene: Scene, data: Path) -> None:
    answering(web)
    found = compared(scene, data)
    assert found.verdict is Verdict.PASS
    assert found.says.startswith("green is alike to 1 over 10 cases, to 1 in ")
    assert len(web.requests) == 2 * QUESTIONS
    assert lines(scene)[0]["stable"]["status"] == 200
    assert len(lines(scene)) == QUESTIONS


def test_one_that_differs_fails_by_the_mean_and_is_named(web: Web, scene: Scene, data: Path) -> None:
    answering(web, q3=Told(body=b'{"answer": "no idea", "n": 3}'))
    found = compared(scene, data)
    assert found.verdict is Verdict.FAIL
    assert "alike to 0.9 over 10 cases, to 0 in questions.jsonl:4: not equal; the mean is under 1" in found.says
    worst = lines(scene)[0]
    assert (worst["id"], worst["likeness"]) == ("questions.jsonl:4", 0)
    assert (worst["request"], worst["green"]["answer"]) == ('{"q": 3}', '{"answer": "no idea", "n": 3}')
    assert compared(scene, data, mean_at_least=0.9).verdict is Verdict.PASS
    assert compared(scene, data, mean_at_least=0.9, worst_at_least=0.1).verdict is Verdict.FAIL
    fields = compared(scene, data, likeness=Likeness.FIELDS, fields=("/n",))
    assert fields.verdict is Verdict.PASS
    similar = compared(scene, data, likeness=Likeness.SIMILARITY, mean_at_least=0.9, worst_at_least=0.2)
    assert similar.verdict is Verdict.PASS


def test_an_error_of_the_new_deployment_is_unlike(web: Web, scene: Scene, data: Path) -> None:
    answering(web, q3=Told(500, b"fell over"))
    found = compared(scene, data)
    assert (found.verdict, "stable answers, the new one does not (status 500)" in found.says) == (Verdict.FAIL, True)


def test_both_refusing_is_alike_but_not_if_it_is_all_there_is(web: Web, scene: Scene, data: Path) -> None:
    web.answering = lambda asked: Told(400 if asked.json["q"] == 3 else 200)
    assert compared(scene, data).verdict is Verdict.PASS
    web.answering = lambda _: Told(400)
    found = compared(scene, data)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "the stable deployment refuses every request" in found.says


def test_where_the_stable_deployment_gives_no_answer_there_is_no_pass(web: Web, scene: Scene, data: Path) -> None:
    def answer(asked: Request) -> Told:
        return Told(500 if (asked.deployment, asked.json["q"]) == ("blue", 3) else 200)

    web.answering = answer
    found = compared(scene, data)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "1 could not be compared (stable gives no answer (status 500))" in found.says
    web.answering = lambda asked: Told(500 if asked.deployment == "blue" else 200)
    nothing = compared(scene, data)
    assert nothing.verdict is Verdict.INCONCLUSIVE
    assert "none of 10 cases could be compared" in nothing.says


def test_a_pointer_that_leads_nowhere_is_no_pass(web: Web, scene: Scene, data: Path) -> None:
    answering(web)
    found = compared(scene, data, likeness=Likeness.FIELDS, fields=("/n", "/anwser"))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "no answer has anything at /anwser" in found.says


JUDGE = """
import json, sys
given = json.load(sys.stdin)
assert given["request"]["q"] in range(10) and given["stable"]["status"] == 200
print(0.5 if given["stable"]["body"] != given["green"]["body"] else 1.0)
"""


@pytest.mark.parametrize(
    ("script", "verdict", "says"),
    [
        (JUDGE, Verdict.FAIL, "alike to 0.95 over 10 cases, to 0.5 in questions.jsonl:4"),
        ("print('nan')", Verdict.INCONCLUSIVE, "printed no number from 0 to 1: nan"),
        ("print(2)", Verdict.INCONCLUSIVE, "printed no number from 0 to 1: 2"),
        ("print('alike')", Verdict.INCONCLUSIVE, "printed no number from 0 to 1: alike"),
        ("", Verdict.INCONCLUSIVE, "printed no number from 0 to 1: nothing"),
        ("exit('broke')", Verdict.INCONCLUSIVE, "the command ended with exit status 1: broke"),
    ],
)
def test_a_command_may_compare(web: Web, scene: Scene, data: Path, script: str, verdict: Verdict, says: str) -> None:
    answering(web, q3=Told(body=b'"other"'))
    found = compared(scene, data, likeness=Likeness.COMMAND, command=(sys.executable, "-c", script))
    assert found.verdict is verdict
    assert says in found.says


def test_it_ends_at_stop(web: Web, scene: Scene, data: Path) -> None:
    web.answering = lambda _: Told(hangs=True)
    with stopped_when(lambda: web.wait_for(8), scene.stop):
        found = compared(scene, data, timeout_s=600)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert len(web.requests) == 8


def test_recorded_requests_are_asked_of_both(web: Web, scene: Scene) -> None:
    cases = tuple(Case(f"r{n}", json.dumps({"q": n}).encode(), answer=b"of old", status=200) for n in range(5))
    answering(web)
    found = compared(replace(scene, recorded=cases), None, recorded=3)
    assert found.verdict is Verdict.PASS
    assert sorted(request.json["q"] for request in web.requests) == [0, 0, 1, 1, 2, 2]


def test_what_echoes_the_key_does_not_put_it_into_the_report(web: Web, scene: Scene, data: Path) -> None:
    web.answering = lambda asked: Told(body=json.dumps(dict(asked.headers)).encode())
    found = compared(scene, data)
    assert found.verdict is Verdict.FAIL
    assert "***" in lines(scene)[0]["green"]["answer"]


def test_long_answers_are_shortened_in_the_report_only(web: Web, scene: Scene, data: Path) -> None:
    def answer(asked: Request) -> Told:
        return Told(body=b"x" * 100_000 + (b"y" if asked.deployment == "green" else b"z"))

    web.answering = answer
    assert compared(scene, data).verdict is Verdict.FAIL
    assert (scene.folder / "parity-cases.jsonl").stat().st_size < 200_000
