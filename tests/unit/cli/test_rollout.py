"""Seeing and steering rollouts by the command line; a thread of the test is the gatekeeper where there is one."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from walks import BAD, Walked, ended_of, walk_of

from sluice.errors import StorageFailed
from sluice.rollout.models import Phase
from sluice.rollout.show_words import WIDTH
from sluice.rollout.who import who
from sluice.spec.rollout import OnFailure

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Call, Stand

Walks = Callable[..., Walked]


@contextmanager
def gatekeeper(walked: Walked, **readings: object) -> Iterator[None]:
    """Carry out orders as a gatekeeper does, until the block is left."""
    enough, ready = threading.Event(), threading.Event()

    def drive() -> None:
        with walked.folder.driving(timeout_s=10):
            ready.set()
            while not enough.wait(0.01):
                if orders := walked.folder.orders(walked.walk.numbered):
                    walked.read(1, orders=orders, **readings)
                    walked.read(1, **readings)

    thread = threading.Thread(target=drive)
    thread.start()
    assert ready.wait(10)
    try:
        yield
    finally:
        enough.set()
        thread.join(10)


def test_without_a_rollout_it_says_so(call: Call, stand: Stand) -> None:
    stand("chat", "blue")
    assert call("rollout", "status").out == "chat  no rollout yet\n"
    assert json.loads(call("rollout", "status", "--json").out) == {"endpoints": [{"endpoint": "chat", "rollout": None}]}
    assert call("rollout", "history").out == "no rollout has ended yet\n"
    said = call("rollout", "watch")
    assert (said.status, "chat has had no rollout" in said.err) == (1, True)


def test_status_shows_the_open_walk_without_control_characters(call: Call, walks: Walks) -> None:
    walks().reads(4)
    said = call("rollout", "status")
    assert said.status == 0
    assert said.out.startswith("chat: paused, step 2 of 4 (pause until promoted)")
    assert "no gatekeeper drives it" in said.out
    assert "\x1b" not in said.out
    assert max(map(len, said.out.splitlines())) <= WIDTH


def test_status_as_json(call: Call, walks: Walks) -> None:
    walks().reads(4)
    (one,) = json.loads(call("rollout", "status", "--json").out)["endpoints"]
    assert one["endpoint"] == "chat"
    assert one["rollout"]["phase"] == "paused"
    assert one["rollout"]["weights"]["live"] == {"blue": 100, "green": 0}  # as the endpoint's own record has them


def test_status_of_one_that_ended_has_its_receipt(call: Call, walks: Walks) -> None:
    walked = walks()
    walked.reads(4, samples=BAD)
    walked.end()
    assert "lost to the switch: 0 of 940 requests" in call("rollout", "status").out


def test_of_several_endpoints_each_has_a_line_and_open_walks_are_shown_whole(
    call: Call, walks: Walks, stand: Stand
) -> None:
    walks("chat").reads(4)
    ended = walks("rank")
    ended.reads(4, samples=BAD)
    ended.end()
    stand("plain", "blue")
    said = call("rollout", "status").out
    first = [line.split(" ")[0] for line in said.splitlines()[:3]]
    assert first == ["chat", "plain", "rank"]
    assert "\nchat: paused" in said
    assert "\nrank: rolled back" not in said
    assert "sluice rollout promote -e chat" in said


def test_what_stands_in_a_damaged_log_is_an_error_with_a_remedy(call: Call, walks: Walks) -> None:
    walked = walks()
    walked.folder.log.write_text('{"begin": {}}\n')
    said = call("rollout", "status")
    assert said.status == 1
    assert "sluice rollback" in said.err
    with pytest.raises(StorageFailed):
        walked.folder.read()


@pytest.mark.parametrize(
    ("verb", "phase"), [("promote", Phase.WALKING), ("abort", Phase.ABORTED)], ids=["promote", "abort"]
)
def test_orders_reach_the_gatekeeper(call: Call, walks: Walks, verb: str, phase: Phase) -> None:
    walked = walks()
    walked.reads(4)
    with gatekeeper(walked):
        said = call("rollout", verb, "--yes")
    assert (said.status, said.err) == (0, "")
    assert walked.walk.state.phase is phase
    assert who({}) in said.out


def test_only_a_pause_or_a_bake_can_be_promoted(call: Call, walks: Walks) -> None:
    walked = walks()
    walked.read()
    said = call("rollout", "promote", "--yes")
    assert said.status == 1
    assert "is walking: there is no pause" in said.err
    assert walked.folder.orders(0) == ()


def test_what_fails_a_gate_is_not_promoted(call: Call, walks: Walks) -> None:
    walked = walks(walk=walk_of(on_failure=OnFailure.HOLD))
    walked.reads(4)
    with gatekeeper(walked, samples=BAD):
        said = call("rollout", "promote", "--yes")
    assert (said.status, said.out.startswith("chat  held")) == (1, True)
    assert "did not go on" in said.err
    assert walked.live.weights["green"] == 10


def test_a_held_walk_is_retried(call: Call, walks: Walks) -> None:
    walked = walks(walk=walk_of(on_failure=OnFailure.HOLD))
    walked.reads(2, samples=BAD)
    with gatekeeper(walked):
        said = call("rollout", "retry", "--yes")
    assert said.status == 0
    assert walked.walk.state.phase is Phase.WALKING
    assert any(event.phase is Phase.HELD for event in walked.walk.events)


def test_a_rollback_aborts_the_open_walk_and_says_what_is_live(call: Call, walks: Walks) -> None:
    walked = walks()
    walked.reads(4)
    with gatekeeper(walked):
        said = call("rollback", "--yes")
    assert said.status == 0
    assert walked.walk.state.phase is Phase.ABORTED
    assert said.out.startswith("chat  blue=100 green=0 is live\n")
    assert "until the specification changes" in said.out


@pytest.mark.parametrize("verb", [("rollout", "promote"), ("rollout", "abort"), ("rollout", "retry"), ("rollback",)])
def test_what_changes_things_asks_first_and_without_a_terminal_does_nothing(
    call: Call, walks: Walks, monkeypatch: pytest.MonkeyPatch, verb: tuple[str, ...]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    walked = walks()
    walked.reads(4)
    said = call(*verb)
    assert said.status == 2
    assert "--yes" in said.err
    assert walked.folder.orders(0) == ()


def test_where_nothing_is_open_there_is_nothing_to_promote_or_to_go_back_to(call: Call, stand: Stand) -> None:
    stand("chat", "blue")
    for verb in (("rollout", "promote"), ("rollout", "abort"), ("rollout", "retry"), ("rollback",)):
        said = call(*verb, "--yes")
        assert (said.status, "chat" in said.err) == (1, True), verb


def test_history_newest_first(call: Call, walks: Walks) -> None:
    walked = walks()
    walked.reads(4, samples=BAD)
    first = walked.end()
    walked.folder.remember(replace(first, id="later", ended=first.ended + 60, says="the second"))
    rows = json.loads(call("rollout", "history", "--json").out)["rollouts"]
    assert [row["id"] for row in rows] == ["later", first.id]
    assert len(json.loads(call("rollout", "history", "--json", "--limit", "1").out)["rollouts"]) == 1
    markdown = call("rollout", "history", "--markdown").out.splitlines()
    assert markdown[0].startswith("| ended (UTC) | endpoint | from -> to |")
    assert "the second" in markdown[2]
    assert "rolled back" in call("rollout", "history").out


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({"GITHUB_ACTOR": "octocat"}, "octocat"),
        ({"BUILD_REQUESTEDFOR": "Ada Lovelace"}, "Ada Lovelace"),
    ],
)
def test_in_a_pipeline_the_log_names_the_person(environ: dict[str, str], name: str) -> None:
    assert who(environ) == name


def test_elsewhere_it_names_user_and_host() -> None:
    user, _, host = who({}).partition("@")
    assert user
    assert host


def test_status_tells_of_an_open_rollout_and_of_one_that_was_given_up(call: Call, walks: Walks) -> None:
    walked = walks()
    walked.reads(4)
    assert "  rollout paused, step 2 of 4 (pause until promoted)" in call("status").out
    assert json.loads(call("status", "--json").out)["endpoints"][0]["rollout"]["phase"] == "paused"
    walked.reads(2, ready={"green": False, "blue": True})
    import time

    walked.folder.remember(ended_of(walked.walk, time.time()))
    assert "  rollout rolled back 0 s ago: green has no replica" in call("status").out
    walked.folder.remember(ended_of(walked.walk, time.time() - 200_000))
    assert "rollout" not in call("status").out


def test_going_back_loads_neither_the_engine_nor_what_only_steps_need() -> None:
    heavy = "pulumi", "grpc", "httpx", "scipy", "rich", "docker"
    asked = f"import sys, sluice.cli.app, sluice.rollout.control; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
