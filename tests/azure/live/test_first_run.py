"""The checklist of docs/azure-first-run.md, line by line, on a real Azure; each goes on from the last.

What it finds to be otherwise than the simulator has it belongs into the simulator.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from projects import QUESTION, Project

pytestmark = [pytest.mark.process, pytest.mark.engine, pytest.mark.slow]


def status(project: Project) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(project.must("status", "--json"))["endpoints"][0]
    return found


def answered_by(project: Project, *arguments: str) -> str:
    said: dict[str, Any] = json.loads(project.must("invoke", QUESTION, "--json", *arguments))
    assert said["status"] == 200, said
    return str(said["deployment"])


def test_1_the_login_may_do_what_is_needed(project: Project) -> None:
    checked = project.call("access", "check", "--json")
    needs = json.loads(checked.stdout)["needs"]
    assert [one for one in needs if one["state"] == "missing" and not one["optional"]] == []


def test_2_preview_reads_and_makes_nothing(project: Project) -> None:
    project.must("preview")
    assert json.loads(project.must("status", "--json"))["endpoints"] == []


def test_3_up_makes_it_and_it_answers(project: Project) -> None:
    project.must("up", "--yes")
    found = status(project)
    assert (found["state"], found["traffic"]) == ("succeeded", {"blue": 100})
    assert answered_by(project) == "blue"


def test_4_a_second_up_changes_nothing(project: Project) -> None:
    project.must("preview", "--expect-no-changes")


def test_5_logs_keys_and_metrics_are_read(project: Project) -> None:
    assert "inference-server" in project.must("logs", "-d", "blue", "-n", "20")
    first = json.loads(project.must("keys", "show", "--json"))
    project.must("keys", "regenerate", "secondary", "--yes")
    second = json.loads(project.must("keys", "show", "--json"))
    assert first["primaryKey"] == second["primaryKey"]
    assert first["secondaryKey"] != second["secondaryKey"]
    assert "metrics" in json.loads(project.must("status", "--metrics", "--json"))["endpoints"][0]
    assert json.loads(project.must("list", "--json"))["endpoints"]


def test_6_a_changed_tag_keeps_the_weights(project: Project) -> None:
    project.edit("endpoints/qa/endpoint.yaml", "auth_mode: key", "auth_mode: key\ntags: {team: search}")
    project.must("up", "--yes")
    assert status(project)["traffic"] == {"blue": 100}
    assert answered_by(project) == "blue"


def test_7_green_comes_beside_and_takes_traffic(project: Project) -> None:
    (project.root / "later/green.yaml").rename(project.root / "endpoints/qa/green.yaml")
    project.must("up", "--yes")
    assert status(project)["traffic"] == {"blue": 100, "green": 0}
    assert answered_by(project, "-d", "green") == "green"
    project.must("traffic", "set", "blue=50", "green=50", "--yes")
    assert status(project)["traffic"] == {"blue": 50, "green": 50}
    project.must("traffic", "set", "blue=0", "green=100", "--yes")
    assert answered_by(project) == "green"


def test_8_another_size_of_a_live_name_is_refused(project: Project) -> None:
    file = project.root / "endpoints/qa/green.yaml"
    before = file.read_text()
    size = next(line for line in before.splitlines() if line.startswith("instance_type"))
    file.write_text(before.replace(size, "instance_type: Standard_DS4_v2"))
    refused = project.call("preview")
    file.write_text(before)
    assert refused.returncode == 1
    assert "name" in refused.stderr
