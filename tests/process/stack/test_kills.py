"""Killed at any moment: what serves goes on, and the next `up` heals."""

from __future__ import annotations

import os
import re
import signal
from contextlib import suppress
from pathlib import Path

import pytest
from projects import QUESTION, Load, Project, processes_of, wait_until

pytestmark = [pytest.mark.process, pytest.mark.engine]


def pids_of(project: Project, word: str) -> list[int]:
    """Return the processes of a project whose command line has a word."""
    return [int(line.split()[0]) for line in processes_of(project.root) if word in line]


def engine_of(project: Project) -> int:
    """Return the engine's pid: the `pulumi` that runs for this project now."""
    found: list[int] = []

    def there() -> bool:
        found[:] = [pid for pid in pids_of(project, "pulumi") if _name(pid) == "pulumi"]
        return bool(found)

    wait_until(there)
    return found[0]


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def changed(project: Project, value: str) -> None:
    """Change blue, so that the next `up` has replicas to start."""
    path = project.root / "endpoints/qa/blue.yaml"
    text = re.sub(r"\n  ROUND: .*", "", path.read_text())
    path.write_text(text.rstrip() + f"\n  ROUND: {value}\n")


def up_until(project: Project, word: str) -> object:
    """Start `up` and return it once it says a word."""
    process = project.start("up", "--yes")
    assert process.stdout is not None
    for line in process.stdout:
        if word in line:
            return process
    raise AssertionError(f"`up` never said {word}")


def heals(project: Project) -> None:
    """Assert that the next `up` makes all well: one set of replicas, no change left, an answer."""
    project.must("up", "--yes")
    assert project.call("preview", "--expect-no-changes").returncode == 0
    assert '"answer"' in project.must("invoke", QUESTION)
    replicas = [replica for one in project.status()["deployments"] for replica in one["replicas"]]
    assert {replica["state"] for replica in replicas} == {"running"}
    # A launcher that outlived a killed supervisor has its successor in line behind it: count programs.
    kept = (re.search(r"programs/(\S+)/program.json", line) for line in processes_of(project.root))
    programs = {found[1] for found in kept if found}
    assert programs == {replica["id"] for replica in replicas} | {"question-answering.envoy"}


def test_a_killed_replica_comes_back(shared: Project) -> None:
    before = shared.deployment("blue")["replicas"][0]

    os.kill(before["pid"], signal.SIGKILL)

    wait_until(lambda: shared.deployment("blue")["replicas"][0]["pid"] not in (before["pid"], None))
    wait_until(lambda: shared.call("invoke", QUESTION).returncode == 0)


def test_a_killed_gateway_answers_again(shared: Project) -> None:
    gateway = shared.status()["gateway"]

    with Load(shared.port(), shared.key()) as load:
        os.kill(gateway["pid"], signal.SIGKILL)
        failed_by_then = len(load.failed)
        answered = load.total
        wait_until(lambda: load.total > answered + 50, 5)

    after = shared.status()["gateway"]
    assert after["restarts"] == gateway["restarts"] + 1
    assert len(load.failed) >= failed_by_then
    assert after["incidents"][-1]["down_seconds"] < 1
    assert "the gateway died at" in shared.must("status")


def test_a_killed_supervisor_costs_no_request(shared: Project) -> None:
    replicas = shared.deployment("blue")["replicas"]
    with Load(shared.port(), shared.key()) as load:
        for pid in pids_of(shared, "supervisor.supervisord"):
            os.kill(pid, signal.SIGKILL)
        heals(shared)

    assert load.failed == []
    assert shared.deployment("blue")["replicas"] == replicas


@pytest.mark.parametrize("word", ["starting 1 replica", "0 of 1 replicas ready", "1 of 1 replicas ready"])
@pytest.mark.parametrize("victim", ["engine", "plugin"])
def test_a_killed_update_is_healed_by_the_next(shared: Project, victim: str, word: str) -> None:
    changed(shared, f"{victim}-{word.replace(' ', '-')}")
    with Load(shared.port(), shared.key()) as load:
        update = up_until(shared, word)
        pids = [engine_of(shared)] if victim == "engine" else pids_of(shared, "pulumi-resource-sluice")
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        update.communicate()  # type: ignore[attr-defined]
        wait_until(lambda: not pids_of(shared, "pulumi-resource-sluice"))
        heals(shared)

    assert load.failed == []


def test_ctrl_c_ends_cleanly_and_the_next_up_goes_on(shared: Project) -> None:
    changed(shared, "interrupted")
    with Load(shared.port(), shared.key()) as load:
        update = up_until(shared, "0 of 1 replicas ready")
        os.killpg(update.pid, signal.SIGINT)  # type: ignore[attr-defined]
        output, _ = update.communicate()  # type: ignore[attr-defined]

        assert update.returncode == 130, output  # type: ignore[attr-defined]
        assert not list((shared.root / ".sluice/state/.pulumi/locks").rglob("*.json"))
        heals(shared)

    assert load.failed == []


def test_a_killed_command_leaves_an_update_that_ends_or_is_healed(shared: Project) -> None:
    changed(shared, "command-killed")
    update = up_until(shared, "0 of 1 replicas ready")

    os.killpg(update.pid, signal.SIGKILL)  # type: ignore[attr-defined]
    update.communicate()  # type: ignore[attr-defined]
    wait_until(lambda: not pids_of(shared, "pulumi-resource-sluice"), 60)

    heals(shared)


def test_refresh_sees_what_was_changed_by_hand(shared: Project) -> None:
    for pid in pids_of(shared, "launcher.py"):
        if "blue" in Path(f"/proc/{pid}/cmdline").read_text():
            os.kill(pid, signal.SIGSTOP)
            os.kill(shared.deployment("blue")["replicas"][0]["pid"], signal.SIGKILL)

    done = shared.call("preview")

    for pid in pids_of(shared, "launcher.py"):
        os.kill(pid, signal.SIGCONT)
    assert "replicas are down" in done.stdout + done.stderr
    heals(shared)


def test_when_all_was_killed_the_next_up_starts_all_again(shared: Project) -> None:
    url = shared.status()["url"]
    while lines := [line for line in processes_of(shared.root) if line.split()[1:]]:
        for line in lines:
            with suppress(ProcessLookupError):
                os.kill(int(line.split()[0]), signal.SIGKILL)

    assert shared.status()["gateway"]["state"] == "missing"
    heals(shared)
    assert shared.status()["url"] == url


def test_a_killed_first_update_and_a_killed_down_are_healed(project: Project) -> None:
    update = up_until(project, "0 of 1 replicas ready")
    os.kill(engine_of(project), signal.SIGKILL)
    update.communicate()  # type: ignore[attr-defined]
    wait_until(lambda: not pids_of(project, "pulumi-resource-sluice"))
    heals(project)

    down = project.start("down", "--yes")
    assert down.stdout is not None
    next(line for line in down.stdout if "draining" in line)
    os.kill(engine_of(project), signal.SIGKILL)
    down.communicate()
    wait_until(lambda: not pids_of(project, "pulumi-resource-sluice"))
    project.must("down", "--yes")

    assert not [line for line in processes_of(project.root) if line.split()[1:]]
    assert not (project.root / ".sluice").exists()
