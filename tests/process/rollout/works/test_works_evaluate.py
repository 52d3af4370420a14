"""Evaluations by real commands and a real server: whatever they do, there is a verdict and a reason."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from told_server import Told, Web, stopped_when, until

from sluice.judging.verdicts import Verdict
from sluice.rollout.works import perform
from sluice.rollout.world import Result, Scene
from sluice.spec.frozen import frozen_map
from sluice.spec.rollout import Compare, Evaluate, Gate, Limits

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("no_secret")]

GATES = (Gate("f1", Limits(at_least=0.5)),)
ASKS = """
import json, os, urllib.request
headers = json.load(open(os.environ["SLUICE_HEADERS_FILE"]))
mode = os.stat(os.environ["SLUICE_HEADERS_FILE"]).st_mode & 0o777
assert not any("the-key" in value for value in os.environ.values())
cases = []
for number in range(6):
    body = json.dumps({"q": number}).encode()
    request = urllib.request.Request(os.environ["SLUICE_SCORING_URL"], body, headers)
    answer = json.load(urllib.request.urlopen(request))
    cases.append({"id": number, "metrics": {"f1": answer["f1"] + number / 100, "mode": mode}})
print("evaluated", os.environ["SLUICE_ENDPOINT"], os.environ["SLUICE_DEPLOYMENT"])
print(json.dumps({"cases": cases}))
"""


def python(script: str) -> tuple[str, ...]:
    return sys.executable, "-c", script


def evaluated(scene: Scene, script: str, **changes: Any) -> Result:
    work = replace(Evaluate(python(script), gates=GATES, paired=False, timeout_s=20), **changes)
    return perform(work, scene)


def test_both_deployments_are_asked_and_compared_case_by_case(web: Web, scene: Scene) -> None:
    worse = {"blue": 0.9, "green": 0.6}
    web.answering = lambda asked: Told(body=json.dumps({"f1": worse[asked.deployment]}).encode())
    gates = (*GATES, Gate("f1", Limits(at_least=-0.1, compare=Compare.DIFFERENCE)))
    found = evaluated(scene, ASKS, gates=gates, paired=True, repeats=2)
    assert found.verdict is Verdict.FAIL
    assert "f1: mean less the stable one's -0.3" in found.says
    assert [one["verdict"] for one in found.report["gates"]] == ["pass", "fail"]
    assert len(web.requests) == 2 * 2 * 6
    cases = [json.loads(line) for line in (scene.folder / "evaluate-cases.jsonl").read_text().splitlines()]
    assert cases[0]["green"]["f1"] == [0.6, 0.6]
    assert cases[0]["stable"]["mode"] == [0o600, 0o600]
    assert json.loads((scene.folder / "evaluate.json").read_text())["verdict"] == "fail"


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("print('all is well')", "printed no JSON, but all is well"),
        ("", "printed nothing"),
        ('print(\'{"metrics": {"f1": NaN}}\')', "f1 is NaN, not a number"),
        ('print(\'{"metrics": {"f1": "0.9"}}\')', 'f1 is "0.9", not a number'),
        ('print(\'{"metrics": {"f2": 1}}\')', "no such score; found: f2"),
        ('print(\'{"metrics": {}, "cases": []}\')', "no such score; found: -"),
        ('import sys; sys.exit("no model")', "ended with exit status 1: no model"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "ended with signal 9"),
        ("while True: print('x' * 65536)", "printed more than 32768 KiB"),
        ("import json, sys; print(json.dumps({'metrics': {'f1': 10 ** 400}}))", "not a number"),
    ],
)
def test_a_command_that_gives_no_scores_is_no_pass_and_says_why(scene: Scene, script: str, says: str) -> None:
    found = evaluated(scene, script)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert says in found.says


def test_a_command_that_can_not_be_started(scene: Scene) -> None:
    found = perform(Evaluate(("sluice-no-such-command",), gates=GATES), scene)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "sluice-no-such-command can't be started (No such file or directory)" in found.says


def test_one_number_is_compared_as_it_is(scene: Scene) -> None:
    assert evaluated(scene, 'print(\'{"metrics": {"f1": 0.7}}\')').verdict is Verdict.PASS
    found = evaluated(scene, 'print(\'{"metrics": {"f1": 0.4}}\')')
    assert (found.verdict, found.says) == (
        Verdict.FAIL,
        "f1: number 0.4 (no cases, so no interval) is under 0.5",
    )


HANGS = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
with open("pids.new", "w") as file:
    print(os.getpid(), child.pid, file=file)
os.rename("pids.new", "pids")
time.sleep(600)
"""


def test_a_command_that_hangs_is_ended_with_all_it_started_when_its_time_is_over(scene: Scene) -> None:
    found = evaluated(scene, HANGS, timeout_s=3.0)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "took longer than 3 s" in found.says
    assert all(gone(int(pid)) for pid in (scene.root / "pids").read_text().split())


def test_a_command_is_ended_at_stop(scene: Scene) -> None:
    with stopped_when(lambda: until((scene.root / "pids").exists), scene.stop):
        found = evaluated(scene, HANGS, timeout_s=600.0)
    assert (found.verdict, "was stopped" in found.says) == (Verdict.INCONCLUSIVE, True)
    assert all(gone(int(pid)) for pid in (scene.root / "pids").read_text().split())


def test_what_a_command_leaves_running_is_ended_and_does_not_hold_it_up(scene: Scene) -> None:
    script = HANGS.replace("time.sleep(600)\n", 'print(\'{"metrics": {"f1": 1}}\')\n')
    assert evaluated(scene, script).verdict is Verdict.PASS
    assert all(gone(int(pid)) for pid in (scene.root / "pids").read_text().split())


def test_a_command_that_fails_for_the_stable_deployment_only_leaves_absolute_limits_judged(scene: Scene) -> None:
    script = """
import os, sys
if os.environ["SLUICE_DEPLOYMENT"] == "blue": sys.exit(3)
print('{"metrics": {"f1": 0.7}}')
"""
    found = evaluated(scene, script, paired=True)
    assert found.verdict is Verdict.PASS
    assert "blue, run 1:" in found.says
    gates = (*GATES, Gate("f1", Limits(at_least=0.0, compare=Compare.DIFFERENCE)))
    assert evaluated(scene, script, paired=True, gates=gates).verdict is Verdict.INCONCLUSIVE


def test_a_command_that_fails_once_for_the_new_deployment_is_no_pass(scene: Scene) -> None:
    script = """
import os, sys
if os.environ["SLUICE_REPEAT"] == "2": sys.exit("broke")
print('{"metrics": {"f1": %s}}')
"""
    found = evaluated(scene, script % 0.7, repeats=3)
    assert (found.verdict, "run 2:" in found.says) == (Verdict.INCONCLUSIVE, True)
    assert evaluated(scene, script % 0.3, repeats=3).verdict is Verdict.FAIL


def test_an_address_may_be_asked_instead_and_does_not_get_the_key(web: Web, scene: Scene) -> None:
    web.answering = lambda _: Told(body=b'{"metrics": {"f1": 0.8}}')
    headers = frozen_map({"X-Key": "of-the-evaluator"})
    work = Evaluate(address=web.address("/evaluate"), headers=headers, gates=GATES)
    assert perform(work, scene).verdict is Verdict.PASS
    assert [one.json["deployment"] for one in web.requests] == ["blue", "green"]
    assert web.requests[0].json == {
        "endpoint": "chat", "deployment": "blue", "scoring_url": scene.url, "repeat": 1,
    }  # fmt: skip
    assert web.requests[0].headers["x-key"] == "of-the-evaluator"
    assert "authorization" not in web.requests[0].headers


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (500, b"down for of-the-evaluator", "status 500: down for ***"),
        (200, b"<html>", "printed no JSON, but <html>"),
        (302, b"", "status 302"),
    ],
)
def test_an_address_that_gives_no_scores(web: Web, scene: Scene, status: int, body: bytes, says: str) -> None:
    web.answering = lambda _: Told(status, body)
    headers = frozen_map({"X-Key": "of-the-evaluator"})
    found = perform(Evaluate(address=web.address("/evaluate"), headers=headers, gates=GATES, paired=False), scene)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert says in found.says


def test_a_secret_in_what_a_command_says_is_not_passed_on(scene: Scene) -> None:
    script = "import json, os, sys; sys.exit(json.load(open(os.environ['SLUICE_HEADERS_FILE']))['Authorization'])"
    found = evaluated(scene, script)
    assert "ended with exit status 1: ***" in found.says
    assert "0123456789" not in json.dumps(found.report)


def test_a_report_that_can_not_be_written_changes_no_verdict(scene: Scene) -> None:
    scene.folder.write_text("in the way")
    found = evaluated(scene, 'print(\'{"metrics": {"f1": 0.7}}\')')
    assert found.verdict is Verdict.PASS
    assert "no report was written" in found.says


def gone(pid: int) -> bool:
    """Tell whether a process has ended: none of that number, or a zombie that nobody has asked for yet."""

    def ended() -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        status = Path(f"/proc/{pid}/stat")
        return status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z"

    until(ended)
    return True
