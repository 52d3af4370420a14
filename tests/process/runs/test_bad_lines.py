"""Lines that fail, hang and die; runs that are killed, cancelled and go on."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from projects import Project, wait_until
from run_projects import numbers, results, workers_of

pytestmark = pytest.mark.process

CREATE = ("run", "create", "-f", "odd.yml", "--line-timeout", "3", "--name")


def errors(project: Project, run: str) -> dict[int, str]:
    text = (project.root / ".sluice" / "runs" / run / "errors.jsonl").read_text()
    return {one["line_number"]: one["error"] for one in map(json.loads, text.splitlines())}


def doubled(project: Project, run: str) -> dict[int, int]:
    text = (project.root / ".sluice" / "runs" / run / "outputs.jsonl").read_text()
    return {one["line_number"]: one["y"] for one in map(json.loads, text.splitlines())}


def test_one_bad_line_does_not_lose_the_others(odd: Project) -> None:
    numbers(odd, 12, '{"x": ', "[1]", '{"z": 1}', '{"x": "nothing"}', '{"x": 13}')
    said = odd.call(*CREATE, "r", "--workers", "1")  # the only one hangs, and dies, and another takes its place
    assert said.returncode == 0
    assert "r  completed: 10 of 17 lines, 7 failed" in said.stdout
    found = errors(odd, "r")
    assert found[3] == "ValueError: three is bad (double.py, line 13)"
    assert found[5] == "took longer than 3 s"
    assert found[7] == "the worker process ended with exit status 9"
    assert found[12] == "line 13 of odd.jsonl is not JSON (Expecting value)"
    assert found[13] == "line 14 of odd.jsonl is a list, not an object"
    assert found[14] == "this line lacks `x` of the data"
    assert "expected type 'int'" in found[15]
    good = [x for x in range(12) if x not in {3, 5, 7}]
    assert doubled(odd, "r") == {**{x: 2 * x for x in good}, 16: 26}


def test_a_killed_run_leaves_nothing_running_and_goes_on_where_it_was(odd: Project) -> None:
    numbers(odd, 40)
    gate = odd.root / "gate"
    process = odd.start(*CREATE, "r", "--set", f"environment_variables.GATE={gate}", "--line-timeout", "60")
    wait_until(lambda: len(results(odd, "r")) >= 8, 120)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    wait_until(lambda: not workers_of(odd))
    assert json.loads(odd.must("run", "show", "r"))["status"] == "interrupted"
    before = {one["line"] for one in results(odd, "r")}
    gate.touch()
    odd.edit(".sluice/runs/r/run.json", '"lineTimeoutSeconds": 60.0', '"lineTimeoutSeconds": 3.0')
    odd.must("run", "create", "--resume", "r")
    lines = [one["line"] for one in results(odd, "r")]
    assert len(lines) == len(set(lines)) == 40
    assert before < set(lines)
    assert doubled(odd, "r") == {x: 2 * x for x in range(40) if x not in {3, 5, 7}}
    assert odd.call("run", "create", "--resume", "r").returncode == 2


def test_a_run_is_cancelled_from_another_shell_and_goes_on_later(odd: Project) -> None:
    numbers(odd, 3)
    odd.edit("data/odd.jsonl", '{"x": 2}', '{"x": 22}')
    gate = odd.root / "gate"
    process = odd.start(*CREATE, "r", "--set", f"environment_variables.GATE={gate}", "--line-timeout", "600")
    wait_until(lambda: len(results(odd, "r")) == 2, 120)
    assert odd.call("run", "create", "--resume", "r").returncode == 1  # it is driven
    assert "cancelled" in odd.must("run", "cancel", "r", "--yes")
    assert process.wait(30) == 130
    process.communicate()
    gate.touch()
    odd.must("run", "create", "--resume", "r")
    assert doubled(odd, "r") == {0: 0, 1: 2, 2: 44}


def test_ctrl_c_keeps_what_is_done(odd: Project) -> None:
    numbers(odd, 2)
    odd.edit("data/odd.jsonl", '{"x": 1}', '{"x": 21}')
    process = odd.start(*CREATE, "r", "--set", f"environment_variables.GATE={odd.root / 'gate'}")
    wait_until(lambda: len(results(odd, "r")) == 1, 120)
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate()[0]
    assert process.returncode == 130
    assert "go on: sluice run create --resume r" in said
    assert json.loads(odd.must("run", "show", "r"))["status"] == "interrupted"


def test_lines_that_failed_are_run_again_where_that_is_wanted(odd: Project) -> None:
    numbers(odd, 2)
    odd.edit("data/odd.jsonl", '{"x": 1}', '{"x": 20}')
    gate = odd.root / "gate"
    odd.must(*CREATE, "r", "--line-timeout", "1", "--set", f"environment_variables.GATE={gate}")
    assert errors(odd, "r") == {1: "took longer than 1 s"}
    gate.touch()
    odd.must("run", "create", "--resume", "r", "--failed")
    assert doubled(odd, "r") == {0: 0, 1: 40}
    assert errors(odd, "r") == {}


def test_data_that_has_changed_is_not_gone_on_with(odd: Project) -> None:
    numbers(odd, 4)
    odd.must(*CREATE, "r")
    numbers(odd, 5)
    done = odd.call("run", "create", "--resume", "r", "--failed")
    assert done.returncode == 1
    assert "the data of run r has changed since" in done.stderr


def test_a_run_keeps_its_flow_as_it_was(odd: Project) -> None:
    numbers(odd, 1)
    odd.must(*CREATE, "r")
    shown = json.loads(odd.must("run", "show", "r"))
    snapshot = odd.root / ".sluice/snapshots/contents" / shown["flow"]["sha256"]
    before = (snapshot / "double.py").read_text()
    odd.write("flows/odd/double.py", "raise SystemExit\n")
    assert (snapshot / "double.py").read_text() == before
    assert Path(shown["data"]["path"]) == odd.root / "data/odd.jsonl"
