"""Following a rollout by the command line, as a view and as lines."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from walks import BAD, Walked, walk_of

from sluice.cli.rollout_watch import Follower, exit_status, follow, follower_of, live_view
from sluice.errors import NotFound
from sluice.rollout.files import RolloutFolder
from sluice.rollout.models import Phase
from sluice.rollout.show_words import Line
from sluice.targets.local.target import LocalTarget

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Call, Walks


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
