"""What is left when a write was cut short, a file damaged, or a running project copied."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from projects import QUESTION, Project, lent, processes_of, pulumi

pytestmark = [pytest.mark.process, pytest.mark.engine]

STATE = ".sluice/local/dev/endpoints/question-answering/state.json"


def test_a_change_written_down_but_not_applied_is_applied_by_the_next_up(shared: Project) -> None:
    state = json.loads((shared.root / STATE).read_text())
    former = state["primary"]
    (shared.root / STATE).write_text(json.dumps(state | {"primary": "decided-just-before-the-kill"}))

    assert shared.call("invoke", QUESTION).returncode == 1
    assert "does not do what was last decided" in shared.call("preview").stderr
    shared.must("up", "--yes")

    assert '"answer"' in shared.must("invoke", QUESTION)
    assert shared.key() == "decided-just-before-the-kill" != former
    assert shared.call("preview", "--expect-no-changes").returncode == 0


def test_attributes_and_locks_that_a_kill_left_empty_are_in_nobodys_way(shared: Project) -> None:
    backend = shared.root / ".sluice/state/.pulumi"
    lock = backend / "locks/organization/library/dev/left.json"
    attributes = backend / "stacks/library/dev.json.attrs"
    lock.parent.mkdir(parents=True, exist_ok=True)
    for file in (lock, attributes):
        file.write_text("")
        os.utime(file, (0, 0))

    shared.must("up", "--yes")

    assert not lock.exists()


def test_weights_that_were_refused_leave_no_override_behind(shared: Project) -> None:
    done = shared.call("up", "--all-traffic", "green")  # nobody can be asked, so it is refused

    assert done.returncode == 2
    assert "sluice:traffic" not in (shared.root / "stacks/Pulumi.dev.yaml").read_text()


def test_a_copy_of_a_running_project_touches_nothing_of_the_original(shared: Project, tmp_path: Path) -> None:
    before = {line for line in processes_of(shared.root) if line.split()[1:]}
    copy = Project(tmp_path / "copy")
    shutil.copytree(shared.root, copy.root, symlinks=True, ignore=shutil.ignore_patterns("*.sock"))

    assert copy.status()["gateway"]["pid"] is None
    copy.call("down", "--yes")
    copy.must("down", "--yes", "--force")

    assert {line for line in processes_of(shared.root) if line.split()[1:]} == before
    assert '"answer"' in shared.must("invoke", QUESTION)
    assert not [line for line in processes_of(copy.root) if line.split()[1:]]


def test_a_damaged_state_is_named_and_force_ends_all_of_it(tmp_path: Path) -> None:
    with lent(tmp_path / "p") as project:
        project.must("up", "--yes")
        (project.root / STATE).write_text("")

        refused = project.call("down", "--yes")
        assert refused.returncode == 1
        assert "sluice down --force" in refused.stderr
        project.must("down", "--yes", "--force")

        assert not [line for line in processes_of(project.root) if line.split()[1:]]
        assert not (project.root / ".sluice").exists()
        project.must("up", "--yes")
        assert '"answer"' in project.must("invoke", QUESTION)


def test_what_pulumi_does_not_know_of_is_taken_down_too(project: Project) -> None:
    project.must("up", "--yes")
    forgotten = pulumi(project, "stack", "rm", "--force", "--yes", "--preserve-config", "dev")
    assert forgotten.returncode == 0, forgotten.stderr

    project.must("down", "--yes")

    assert not [line for line in processes_of(project.root) if line.split()[1:]]
