"""What people see of a walk: lines of 80 columns, JSON with stable keys, commands that fit where it stands."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from walks import BAD, BEGAN, STEPS, Walked, walk_of

from sluice.rollout.files import Open
from sluice.rollout.models import Command, Metric, MetricKind, Order, Phase, Step
from sluice.rollout.show import Around, Options, View, plain_view, view
from sluice.rollout.show_text import endpoint_line, event_line, lines, one_line, progress
from sluice.rollout.show_words import WIDTH, duration
from sluice.spec.rollout import OnFailure, StepKind
from sluice.traffic.router import Cohort, Routing

PROMOTE, ABORT = Order(Command.PROMOTE, 1, "ada@laptop"), Order(Command.ABORT, 1, "ada@laptop")
Walks = Callable[..., Walked]


@pytest.fixture
def walks(tmp_path: Path) -> Walks:
    return lambda *arguments, **named: Walked(tmp_path, *arguments, **named)


def seen(walked: Walked, *, alive: bool = True, options: Options | None = None, **around: Any) -> View:
    """The view of what is in the folder, five seconds after the last reading."""
    walk = walked.folder.read()
    assert walk is not None
    return view(walk, Around(walked.now + 5, alive, walked.live, options=options or Options(), **around))


def text(shown: View, events: int = 6) -> str:
    return "\n".join(line.text for line in lines(shown, UTC, events))


def walking(walked: Walked) -> None:
    walked.read()


def without_data(walked: Walked) -> None:
    walked.read(samples={}, numbers={"memory": None})


def paused(walked: Walked) -> None:
    walked.reads(4)


def baking(walked: Walked) -> None:
    walked.reads(4)
    walked.read(orders=(PROMOTE,))
    walked.reads(5)


def rolled_back(walked: Walked) -> None:
    walked.reads(4, samples=BAD)
    walked.end()


def aborted(walked: Walked) -> None:
    walked.reads(4)
    walked.read(orders=(ABORT,))
    walked.read()
    walked.end()


def done(walked: Walked) -> None:
    baking(walked)
    walked.reads(62)
    walked.end()


STORIES = {
    "walking": walking,
    "without data": without_data,
    "paused": paused,
    "baking": baking,
    "rolled_back": rolled_back,
    "aborted": aborted,
    "done": done,
}
each_story = pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)


@each_story
def test_all_there_is_to_see(walks: Walks, story: Callable[[Walked], None], snapshot: SnapshotAssertion) -> None:
    walked = walks()
    story(walked)
    ended = next(iter(walked.folder.history()), None)
    assert text(seen(walked, ended=ended)) == snapshot


@each_story
def test_it_is_the_story_it_says(walks: Walks, story: Callable[[Walked], None], request: pytest.FixtureRequest) -> None:
    walked = walks()
    story(walked)
    name = request.node.callspec.id
    assert seen(walked).phase == ("walking" if name == "without data" else name)


@each_story
def test_no_line_is_wider_than_80_columns(walks: Walks, story: Callable[[Walked], None]) -> None:
    long = "an-endpoint-with-a-name-of-32-ch"
    metric = Metric("m" * 60, MetricKind.WORSE_THAN_STABLE, about="a" * 60, least_requests=10)
    walked = walks(walk_of(*STEPS, endpoint=long, metrics=(metric,)), who="w" * 100)
    story(walked)
    shown = seen(walked, options=Options(" -s production", f" -e {long}"))
    found = [*text(shown).splitlines(), one_line(shown).text, endpoint_line(long, shown).text]
    assert [line for line in found if len(line) > WIDTH] == []


def test_nothing_from_outside_steers_the_terminal(walks: Walks) -> None:
    walked = walks(who="\x1b[31mada\x07")
    walked.read(numbers={"memory": None})
    says = "\x1b]0;title\x07\x1b[2J last\nlines"
    walked.reads(1, works=())
    shown = view(with_says(walked, says), Around(walked.now, alive=True))
    found = text(shown) + one_line(shown).text + progress(shown) + json.dumps(plain_view(shown))
    assert all(sign.isprintable() or sign == "\n" for sign in found)
    assert "\\u00" not in found
    assert "last lines" in shown.says


def with_says(walked: Walked, says: str) -> Open:
    from dataclasses import replace

    walk = walked.walk
    return replace(walk, state=replace(walk.state, says=says), events=tuple(replace(e, says=says) for e in walk.events))


def test_as_json(walks: Walks, snapshot: SnapshotAssertion) -> None:
    walked = walks()
    paused(walked)
    assert plain_view(seen(walked)) == snapshot
    assert json.loads(json.dumps(plain_view(seen(walked)))) == plain_view(seen(walked))


def test_of_one_that_ended_json_has_the_end_and_the_receipt(walks: Walks) -> None:
    walked = walks()
    rolled_back(walked)
    plain = plain_view(seen(walked, alive=False, ended=walked.folder.history()[0]))
    assert plain["ended"] == "2026-01-05T12:02:00Z"
    assert plain["gatekeeper"] == "ended"
    assert plain["receipt"]["before"] == {"blue": {"requests": 500, "failed": 2, "lost_to_the_switch": 0}}


def commands(shown: View) -> list[str]:
    return [one.command for one in shown.next]


def test_what_can_be_done_next(walks: Walks) -> None:
    walked = walks()
    walking(walked)
    assert commands(seen(walked)) == ["sluice rollout watch", "sluice rollout abort"]
    walked.reads(3)
    assert commands(seen(walked)) == ["sluice rollout promote", "sluice rollout abort"]
    walked.read(orders=(ABORT,))
    assert commands(seen(walked)) == ["sluice rollout watch"]
    walked.read()
    assert commands(seen(walked))[-1] == "sluice rollout retry"


def test_a_held_one_is_retried_or_aborted(walks: Walks) -> None:
    walked = walks(walk_of(on_failure=OnFailure.HOLD))
    walked.reads(4, samples=BAD)
    assert seen(walked).phase is Phase.HELD
    assert commands(seen(walked)) == ["sluice rollout retry", "sluice rollout abort"]


def test_without_a_gatekeeper_it_says_so_and_how_to_get_one(walks: Walks) -> None:
    walked = walks()
    walking(walked)
    shown = seen(walked, alive=False, options=Options(" -s prod", " -e chat"))
    assert "no gatekeeper drives it" in text(shown)
    assert commands(shown)[0] == "sluice up -s prod"
    assert commands(shown)[-1] == "sluice rollout abort -s prod -e chat"


def test_one_that_was_forgiven_is_tried_again_by_up(walks: Walks) -> None:
    from dataclasses import replace

    walked = walks()
    rolled_back(walked)
    forgiven = replace(walked.folder.history()[0], forgiven=True)
    assert commands(seen(walked, ended=forgiven)) == ["sluice up"]


def test_one_that_was_taken_back_after_its_end_is_shown_so(walks: Walks) -> None:
    from dataclasses import replace

    walked = walks()
    done(walked)
    ended = replace(walked.folder.history()[0], phase=Phase.ROLLED_BACK, says="rolled back by ada@laptop")
    shown = seen(walked, ended=ended)
    assert one_line(shown).text.endswith("rolled back by ada@laptop")
    assert shown.steps[-1].state == "stopped"


def test_both_deployments_are_shown_with_their_intervals(walks: Walks) -> None:
    walked = walks()
    walking(walked)
    errors = seen(walked).metrics[0]
    assert errors.stable
    assert errors.green
    assert (errors.stable.failures, errors.stable.requests) == (1, 90)
    assert errors.stable.low < 1 / 90 < errors.stable.high
    assert errors.green.low == 0 < errors.green.high < 1


def test_live_weights_that_are_not_known_are_those_of_the_last_reading(walks: Walks) -> None:
    walked = walks()
    walked.reads(2)
    shown = view(walked.walk, Around(walked.now, alive=True))
    assert shown.live == Routing(walked.live.weights)


def test_copies_and_cohorts_are_named(walks: Walks) -> None:
    cohort = Cohort("green", "x-canary", ("1", "yes"), 5)
    steps = (Step(StepKind.MIRROR, 20, 60), Step(StepKind.HEADER, cohort=cohort), *STEPS)
    walked = walks(walk_of(*steps))
    walked.read()
    shown = seen(walked)
    assert "20 % copied to green" in text(shown)
    assert shown.steps[1].does == "header x-canary: 1, yes or 5 % of callers"


def test_a_metric_of_another_step_is_not_judged_now(walks: Walks) -> None:
    from dataclasses import replace

    walked = walks(walk_of(metrics=(replace(METRIC, steps=(2,)),)))
    walked.read()
    assert "errors: not judged in this step" in text(seen(walked))


METRIC = Metric("errors", MetricKind.WORSE_THAN_STABLE, least_requests=10)


def test_events_are_the_last_ones_and_how_many_came_before(walks: Walks) -> None:
    walked = walks()
    done(walked)
    all_of_them = len(walked.walk.events)
    assert all_of_them > 3
    assert f"({all_of_them - 2} earlier)" in text(seen(walked), events=2)


def test_an_event_is_one_line(walks: Walks) -> None:
    walked = walks()
    rolled_back(walked)
    line = event_line(walked.walk.events[-1], 4, UTC)
    assert line.text.startswith("12:01:00  step 1 of 4  rolled back: errors: ")
    assert line.text.endswith("[blue=100 green=0]")
    assert line.tone == "bad"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (-5, "0 s"),
        (7_500, "2 h 5 min"),
        (3_605, "1 h"),
        (266_400, "3 d 2 h"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_the_story_is_on_disk(walks: Walks) -> None:
    walked = walks()
    walking(walked)
    shown = walked.folder.shown()
    assert shown
    assert shown.clock == BEGAN + 30
