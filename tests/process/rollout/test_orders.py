"""What people order while a rollout is open and after it, from any shell, whoever is alive."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from projects import Project, bearer, post, processes_of, wait_until
from rollout_project import give_all_to, write_deployment
from rollout_stage import BLUE, CANARY, GREEN, Stage, killed, parent, said, stage_in

from sluice.rollout.models import Phase

pytestmark = pytest.mark.process

HOLDS = CANARY.replace("hold: 1s", "hold: 600s", 1)


@pytest.fixture(scope="module")
def lent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage_in(tmp_path_factory.mktemp("orders") / "p") as stage:
        yield stage


@pytest.fixture
def stage(lent: Stage) -> Stage:
    """A stage where blue has all of the traffic and no rollout is open."""
    lent.back()
    return lent


def followed(stage: Stage) -> subprocess.Popen[str]:
    """Start `up`, and return it while it follows the first step."""
    process = stage.project.start("up", "--yes")
    assert process.stdout is not None
    for line in process.stdout:
        if "step 1 of" in line:
            wait_until(lambda: stage.live() == {"blue": 90, "green": 10})
            return process
    raise AssertionError("`up` never told of a step")


def test_a_pause_frees_the_stack_and_holds_the_traffic_until_it_is_promoted(stage: Stage) -> None:
    stage.plan()
    paused = stage.up()
    assert paused.returncode == 3, said(paused)
    assert "ask the librarian" in said(paused)
    assert stage.live() == {"blue": 90, "green": 10}
    again = stage.up()
    assert (again.returncode, stage.walk().phase) == (3, Phase.PAUSED), said(again)

    by_hand = stage.project.call("traffic", "set", "blue=50", "green=50", "--yes")
    assert by_hand.returncode == 1
    assert "rollout of green is open" in said(by_hand)
    assert "sluice rollout abort" in said(by_hand)
    assert stage.live() == {"blue": 90, "green": 10}

    promoted = stage.project.call("rollout", "promote", "--yes")
    assert promoted.returncode == 0, said(promoted)
    assert stage.ended().phase is Phase.DONE
    assert stage.live() == GREEN


def test_an_abort_from_another_shell_while_up_follows(stage: Stage) -> None:
    stage.plan(HOLDS)
    update = followed(stage)
    early = stage.project.call("rollout", "promote", "--yes")
    assert early.returncode == 1
    assert "there is no pause or bake to end" in said(early)

    aborted = stage.project.call("rollout", "abort", "--yes")
    live = stage.live()
    output, _ = update.communicate(timeout=60)
    assert (aborted.returncode, live) == (0, BLUE), said(aborted)
    assert update.returncode == 1
    assert "aborted by" in output
    assert "blue=100 is live again" in output


def test_an_abort_when_everybody_is_dead(stage: Stage) -> None:
    stage.plan(HOLDS)
    update = followed(stage)
    gatekeeper = stage.gatekeeper()
    stage.kill_all("supervisor.supervisord")
    killed(parent(gatekeeper))
    killed(gatekeeper)
    for process in (update.pid, *stage.pids("pulumi")):
        killed(process)
    update.communicate()
    told = stage.told()
    assert (told["gatekeeper"], told["phase"], told["weights"]["live"]["green"]) == ("dead", "walking", 10)

    aborted = stage.project.call("rollout", "abort", "--yes")

    assert (aborted.returncode, stage.live()) == (0, BLUE), said(aborted)
    assert stage.ended().phase is Phase.ABORTED
    left_alone = stage.up()
    assert (left_alone.returncode, stage.live()) == (3, BLUE), said(left_alone)


def test_a_rollback_takes_back_what_went_well_and_a_retry_tries_it_again(stage: Stage) -> None:
    stage.plan(CANARY.replace("  - pause: ask the librarian\n", ""))
    assert stage.up("--detach").returncode == 3
    assert stage.ended().phase is Phase.DONE
    for _ in range(2):  # the second changes nothing: it does not go on into the past
        taken_back = stage.project.call("rollback", "--yes")
        assert (taken_back.returncode, stage.live()) == (0, BLUE), said(taken_back)

    left_alone = stage.up()
    assert (left_alone.returncode, stage.live()) == (3, BLUE), said(left_alone)
    assert "sluice rollout retry" in said(left_alone)

    retried = stage.project.call("rollout", "retry", "--yes")
    assert retried.returncode in {0, 3}, said(retried)
    assert stage.ended().phase is Phase.DONE
    assert stage.live() == GREEN


def test_what_was_given_up_is_left_alone_until_it_is_changed(stage: Stage) -> None:
    stage.plan(HOLDS)
    assert stage.up("--detach").returncode == 3
    given_up = stage.project.call("rollback", "--yes")
    assert (given_up.returncode, stage.live()) == (0, BLUE), said(given_up)
    assert stage.ended().phase is Phase.ABORTED
    left_alone = stage.up()
    assert (left_alone.returncode, stage.live()) == (3, BLUE), said(left_alone)
    assert "aborted by" in said(left_alone)

    write_deployment(stage.project, "green", ANSWER="better")
    tried = stage.up("--detach")
    assert tried.returncode == 3, said(tried)
    assert stage.until(lambda state: state.phase is Phase.WALKING).walk.green == "green"
    wait_until(lambda: stage.live() == {"blue": 90, "green": 10})


def test_of_two_updates_at_once_one_wins_and_the_other_says_so(stage: Stage) -> None:
    stage.plan()
    both = [stage.project.start("up", "--yes") for _ in range(2)]
    output = [one.communicate(timeout=120)[0] for one in both]

    codes = [one.returncode for one in both]
    assert 3 in codes, output
    loser = output[codes.index(3) - 1]
    assert codes.count(3) == 2 or "is being updated by someone else" in loser, output
    assert len({one.id for one in stage.folder.history()}) == len(stage.folder.history())
    assert stage.live() == {"blue": 90, "green": 10}


def test_what_an_open_walk_is_about_stays_as_it_is(stage: Stage) -> None:
    stage.plan()
    stage.paused()
    serving = {name: one.replicas for name, one in stage.endpoint.deployments.items()}

    write_deployment(stage.project, "green", ANSWER="other")
    write_deployment(stage.project, "blue", ANSWER="other")
    other = stage.up()
    assert other.returncode == 1, said(other)
    assert "is part of an open rollout" in said(other)
    assert "sluice rollout abort" in said(other)
    assert {name: one.replicas for name, one in stage.endpoint.deployments.items()} == serving
    write_deployment(stage.project, "green")
    write_deployment(stage.project, "blue")

    give_all_to(stage.project, {"blue": 40, "green": 60})
    elsewhere = stage.up()
    assert elsewhere.returncode == 1
    assert "a rollout of green is open (paused" in said(elsewhere)
    assert (stage.walk().phase, stage.live()) == (Phase.PAUSED, {"blue": 90, "green": 10})

    give_all_to(stage.project, BLUE)
    returned = stage.up()
    assert (returned.returncode, stage.live()) == (0, BLUE), said(returned)
    assert stage.ended().phase is Phase.ABORTED


def test_weights_that_were_changed_behind_its_back_are_shown(stage: Stage) -> None:
    stage.plan(HOLDS)
    give_all_to(stage.project, BLUE)
    stage.project.must("up", "--yes")
    stage.weights(blue=80, green=20)

    preview = stage.project.call("preview")

    assert preview.returncode == 0, said(preview)
    assert "blue: 80 => 100" in said(preview)
    assert stage.live() == {"blue": 80, "green": 20}, "a preview changes nothing"


def test_a_rollback_does_not_wait_for_the_last_requests_of_blue(stage: Stage) -> None:
    write_deployment(stage.project, "blue", TAKES_MS="8000")
    stage.project.edit(
        "endpoints/books/blue.yaml", "request_settings:", "request_settings:\n  request_timeout_ms: 60000"
    )
    stage.plan("steps:\n  - weight: 50\nanalysis: []\n")
    assert stage.up("--detach").returncode == 3
    to_blue = {**bearer(stage.endpoint.primary), "azureml-model-deployment": "blue"}
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(post, stage.endpoint.port, "{}", to_blue)
        stage.until(lambda state: state.phase is Phase.DONE)
        taken_back = stage.project.call("rollback", "--yes")
        in_flight, live = not asked.done(), stage.live()
    write_deployment(stage.project, "blue")

    assert (taken_back.returncode, live, in_flight) == (0, BLUE, True), said(taken_back)
    assert (asked.result().status, asked.result().deployment) == (200, "blue")
    assert stage.ended().phase is Phase.ROLLED_BACK


def test_a_stack_is_taken_down_in_the_middle_of_its_first_walk(books: Project) -> None:
    nothing = books.call("rollback", "--yes")
    assert nothing.returncode == 1
    assert "has no rollout to go back from" in said(nothing)

    stage = Stage(books)
    stage.plan(HOLDS)
    detached = stage.up("--detach")
    assert (detached.returncode, stage.walk().phase) == (3, Phase.WALKING), said(detached)
    assert stage.gatekeeper()

    down = books.call("down", "--yes")
    assert down.returncode == 0, said(down)
    assert processes_of(books.root) == []
    assert not (Path(books.root) / ".sluice/local/dev").exists()
    assert json.loads(books.must("status", "--json"))["endpoints"] == []
