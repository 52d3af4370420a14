"""Seeing and steering rollouts by the command line; a thread of the test is the gatekeeper where there is one."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from walks import BAD, Walked, ended_of, walk_of

from sluice.cli.rollout_watch import Follower, exit_status, follow, follower_of, live_view
from sluice.errors import NotFound, StorageFailed
from sluice.rollout.files import RolloutFolder
from sluice.rollout.models import Phase, Walk
from sluice.rollout.show_words import WIDTH, Line
from sluice.rollout.who import who
from sluice.spec.rollout import OnFailure
from sluice.targets.local.target import LocalTarget

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Call, Stand

Walks = Callable[..., Walked]
EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "scoring-script"
ROLLOUT = """\
endpoint_name: town-books
steps:
  - {weight: 25, hold: 5m}
  - pause: look at the answers
  - weight: 100
  - bake: 10m
"""


@pytest.fixture
def walks(project: Path, stand: Stand) -> Walks:
    """A walk of an endpoint that is recorded as standing."""

    def one(endpoint: str = "chat", walk: Walk | None = None) -> Walked:
        stand(endpoint, "blue", "green")
        root = LocalTarget.of(project, "dev").paths.rollout(endpoint)
        return Walked(root, walk or walk_of(endpoint=endpoint))

    return one


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


def test_watch_ends_with_what_became_of_it(call: Call, walks: Walks) -> None:
    walked = walks()
    walked.reads(4)
    said = call("rollout", "watch")
    assert said.status == 3
    assert "paused: waits until promoted" in said.out
    assert "sluice rollout promote" in said.err
    walked.live = replace(walked.live)
    walked.reads(2, ready={"green": False, "blue": True})
    walked.end()
    said = call("rollout", "watch")
    assert said.status == 1
    assert "RECEIPT" in said.out
    assert "\x1b" not in said.out + said.err


class Scene:
    """A follower whose time passes only where it waits, and what happens then."""

    def __init__(self, walked: Walked, *happens: Callable[[], object]) -> None:
        self.now = walked.now
        self.happens = list(happens)
        self.told: list[str] = []
        self.waits = 0
        self.follower = Follower("chat", walked.folder, lambda: walked.live, clock=lambda: self.now)

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.waits += 1
        assert self.waits < 1000, "it is followed for ever"
        if self.happens:
            self.happens.pop(0)()

    def tell(self, lines: list[Line]) -> None:
        self.told += [line.text for line in lines]


def test_following_tells_each_event_once_and_waits_for_the_receipt(walks: Walks) -> None:
    walked = walks()
    walked.read()
    bad = [lambda: walked.read(samples=BAD), walked.read]
    scene = Scene(walked, *bad, walked.end)
    with walked.folder.driving():
        shown = follow(scene.follower, until_it_waits=True, wait=scene.wait, tell=scene.tell)
    assert exit_status(shown) == 1
    assert sum("returning:" in line for line in scene.told) == 1
    assert sum("rolled back:" in line for line in scene.told) == 1
    assert "RECEIPT" in scene.told


def test_a_walk_that_nobody_drives_is_not_followed_for_ever(walks: Walks) -> None:
    walked = walks()
    walked.read()
    scene = Scene(walked)
    shown = follow(scene.follower, until_it_waits=True, wait=scene.wait, tell=scene.tell)
    assert exit_status(shown) == 3
    assert 30 <= scene.now - walked.now < 60


def test_a_quiet_walk_shows_that_it_lives(walks: Walks) -> None:
    walked = walks()
    walked.read()
    scene = Scene(walked, *[lambda: None] * 100, lambda: walked.reads(4))
    with walked.folder.driving():
        follow(scene.follower, until_it_waits=True, wait=scene.wait, tell=scene.tell)
    assert sum("walking, step 1 of 4" in line for line in scene.told) == 4


def test_the_live_view_is_drawn_again_until_the_end(walks: Walks) -> None:
    from rich.console import Console

    walked = walks()
    walked.reads(4)
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=80, height=40, highlight=False)
    scene = Scene(walked, lambda: walked.reads(2, ready={"green": False, "blue": True}), walked.end)
    shown = live_view(scene.follower, console, scene.wait)
    assert shown.phase is Phase.ROLLED_BACK
    assert "\x1b[1A" in written.getvalue()  # drawn over what was there
    assert "chat: paused" in written.getvalue()
    assert "chat: rolled back" in written.getvalue()


def test_watching_without_a_terminal_gives_lines(call: Call, walks: Walks) -> None:
    walked = walks()
    walked.reads(4, samples=BAD)
    walked.end()
    said = call("rollout", "status", "--watch")
    assert said.status == 0
    assert "rolled back: errors" in said.out
    assert "\x1b" not in said.out


def test_a_follower_reads_on_and_starts_again_with_a_new_log(walks: Walks, project: Path) -> None:
    walked = walks()
    follower = follower_of(LocalTarget.of(project, "dev"), "dev", "chat", several=False)
    for _ in range(4):
        walked.read()
        seen = follower.must_look()
        assert (seen.phase, seen.step, seen.events) == (
            walked.walk.state.phase,
            walked.walk.state.step,
            walked.walk.events,
        )
    again = Walked(walked.folder.root, walk_of(endpoint="chat", blue="red"))
    again.reads(6)  # longer than the one before
    seen = follower.must_look()
    assert (seen.walk.blue, seen.events) == ("red", again.walk.events)
    again.folder.log.unlink()
    with pytest.raises(NotFound):
        follower.must_look()


def test_a_follower_sees_what_the_folder_reads_after_a_snapshot(walks: Walks) -> None:
    from sluice.rollout.files import snapshot

    walked = walks()
    walked.reads(3)
    walked.folder.append(snapshot(walked.walk))
    walked.read()
    with walked.folder.log.open("a") as log:
        log.write('{"record"')  # being written right now
    found = Scene(walked).follower.must_look()
    read = RolloutFolder(walked.folder.root).read()
    assert read is not None
    assert (found.phase, found.step, found.events) == (read.state.phase, read.state.step, read.events)


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


@pytest.fixture
def specified(project: Path) -> Path:
    """The endpoint's folder in a project with an endpoint of two deployments, and a rollout to the second."""
    ignored = shutil.ignore_patterns(".sluice", "README.md", "stacks")
    shutil.copytree(EXAMPLE, project, dirs_exist_ok=True, ignore=ignored)
    folder = project / "endpoints" / "books"
    blue, endpoint = (folder / "blue.yaml").read_text(), (folder / "endpoint.yaml").read_text()
    (folder / "green.yaml").write_text(blue.replace("name: blue", "name: green"))
    (folder / "endpoint.yaml").write_text(endpoint.replace("  blue: 100", "  blue: 0\n  green: 100"))
    (folder / "rollout.yaml").write_text(ROLLOUT)
    return folder


def test_a_dry_run_shows_the_walk_from_the_live_weights(call: Call, specified: Path, stand: Stand) -> None:
    stand("town-books", "blue", "green")
    said = call("rollout", "dry-run")
    assert (said.status, said.err) == (0, "")
    assert "1  weight 25 %           blue=75 green=25" in said.out
    assert "errors" in said.out
    assert "lasts at least 15 min, and 1 pause" in said.out
    assert max(map(len, said.out.splitlines())) <= WIDTH
    (one,) = json.loads(call("rollout", "dry-run", "--json").out)["rollouts"]
    assert one["walk"]["steps"][0]["weights"] == {"blue": 75, "green": 25}
    assert one["walk"]["at_least_seconds"] == 900


def test_a_dry_run_goes_to_weights_set_by_hand(call: Call, specified: Path, stand: Stand, project: Path) -> None:
    stand("town-books", "blue", "green")
    by_hand = json.dumps({"town-books": {"blue": 20, "green": 80}})
    (project / "stacks").mkdir(exist_ok=True)
    (project / "stacks" / "Pulumi.dev.yaml").write_text(f"config:\n  sluice:traffic: '{by_hand}'\n")
    (one,) = json.loads(call("rollout", "dry-run", "--json").out)["rollouts"]
    assert one["walk"]["goal"] == {"blue": 20, "green": 80}
    (project / "stacks" / "Pulumi.dev.yaml").write_text("config: [")
    assert call("rollout", "dry-run").status == 1


def test_where_there_is_nothing_to_walk_a_dry_run_says_why(call: Call, specified: Path, project: Path) -> None:
    said = call("rollout", "dry-run")
    assert (said.status, said.out) == (
        0,
        "town-books  nothing to walk from none to blue=0 green=100: `sluice up` sets that at once\n",
    )
    (specified / "rollout.yaml").unlink()
    assert "it has no rollout.yaml" in call("rollout", "dry-run", "-e", "town-books").out
    assert call("rollout", "dry-run").status == 1


def test_going_back_loads_neither_the_engine_nor_what_only_steps_need() -> None:
    heavy = "pulumi", "grpc", "httpx", "scipy", "rich", "docker"
    asked = f"import sys, sluice.cli.app, sluice.rollout.control; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
