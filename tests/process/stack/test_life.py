"""From three files to a live endpoint, a switch without a lost request, and nothing left behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from projects import QUESTION, Load, Project, processes_of, pulumi

pytestmark = [pytest.mark.process, pytest.mark.engine]


def test_up_answers_and_changes_nothing_the_second_time(shared: Project) -> None:
    assert '"answer"' in shared.must("invoke", QUESTION)

    assert shared.call("preview", "--expect-no-changes").returncode == 0
    assert "nothing to change" in shared.must("up", "--yes")


def test_without_traffic_in_any_file_the_live_weights_are_left_alone(shared: Project) -> None:
    text = (shared.root / "endpoints/qa/endpoint.yaml").read_text()
    shared.write("endpoints/qa/endpoint.yaml", text.split("traffic:")[0])
    shared.must("up", "--yes")
    assert shared.status()["traffic"] == {"blue": 100, "green": 0}
    assert shared.call("preview", "--expect-no-changes").returncode == 0

    blue = (shared.root / "endpoints/qa/blue.yaml").read_text()
    (shared.root / "endpoints/qa/blue.yaml").unlink()
    refused = shared.call("preview")
    assert refused.returncode == 1
    assert "deployment blue of endpoint question-answering has 100 % of the traffic" in refused.stderr

    shared.write("endpoints/qa/blue.yaml", blue)
    shared.write("endpoints/qa/endpoint.yaml", text)
    shared.must("up", "--yes")


def test_plain_pulumi_sees_the_same(shared: Project) -> None:
    preview = pulumi(shared, "preview", "--expect-no-changes", "--stack", "dev")
    assert preview.returncode == 0, preview.stdout + preview.stderr

    up = pulumi(shared, "up", "--yes", "--skip-preview", "--stack", "dev")
    assert up.returncode == 0, up.stdout + up.stderr

    assert shared.call("preview", "--expect-no-changes").returncode == 0


def test_the_switch_to_green_and_back_loses_no_request(shared: Project) -> None:
    with Load(shared.port(), shared.key()) as load:
        for weights in (("blue=0", "green=100"), ("blue=100", "green=0")):
            shared.must("traffic", "set", *weights, "--yes")

        assert "blue=100" in shared.must("traffic", "reset", "--yes")

    assert load.failed == []
    assert set(load.answered) == {"blue", "green"}
    assert "no weights set by hand" in shared.must("traffic", "reset", "--yes")


def test_a_changed_deployment_is_swapped_under_load(shared: Project) -> None:
    before = shared.deployment("blue")["replicas"]
    shared.edit("endpoints/qa/blue.yaml", 'PROMPTFLOW_WORKER_NUM: "1"', 'PROMPTFLOW_WORKER_NUM: "1"\n  COLOUR: blue')

    with Load(shared.port(), shared.key()) as load:
        shared.must("up", "--yes")

    after = shared.deployment("blue")["replicas"]
    assert load.failed == []
    assert {replica["id"] for replica in after}.isdisjoint({replica["id"] for replica in before})


def test_more_replicas_leave_the_running_one_alone(shared: Project) -> None:
    before = shared.deployment("blue")["replicas"]
    shared.edit("endpoints/qa/blue.yaml", "instance_count: 1", "instance_count: 2")

    with Load(shared.port(), shared.key()) as load:
        shared.must("up", "--yes")

    after = shared.deployment("blue")["replicas"]
    assert load.failed == []
    assert before[0]["pid"] in {replica["pid"] for replica in after}
    assert len(after) == 2


def test_no_secret_lies_in_state_or_command_lines(shared: Project) -> None:
    key = shared.key()
    lines = processes_of(shared.root)
    state = [path for path in (shared.root / ".sluice" / "state").rglob("*") if path.is_file()]

    assert not [line for line in lines if key in line]
    assert state
    assert not [path for path in state if key.encode() in path.read_bytes()]


def test_down_leaves_nothing(project: Project) -> None:
    project.must("up", "--yes")
    before = {path for path in project.root.rglob("*") if ".sluice" not in path.parts}

    project.must("down", "--yes")

    left = {path for path in project.root.rglob("*") if path not in before}
    assert processes_of(project.root) == []
    assert left == set()
    assert not Path(project.root, ".sluice").exists()
