"""A live load outlives who sends it, and ends with the walk."""

from __future__ import annotations

import pytest
from projects import Project, wait_until
from rollout_stage import GREEN, Stage, killed, said

from sluice.rollout.models import Phase

pytestmark = pytest.mark.process

STEPS = """\
steps:
  - load: {data: requests.jsonl, rate: 30, live: true}
  - weight: 50
  - pause: ask the librarian
  - bake: 1s
analysis:
  - {metric: errors, least_requests: 5}
"""


def test_it_goes_on_after_a_kill_and_ends_with_the_walk(books: Project) -> None:
    stage = Stage(books)
    books.write("endpoints/books/requests.jsonl", '{"wish": "a story of the sea"}\n')
    stage.plan(STEPS)
    paused = stage.up()
    assert paused.returncode == 3, said(paused)
    assert stage.live() == {"blue": 50, "green": 50}

    gatekeeper = stage.gatekeeper()
    killed(gatekeeper)
    wait_until(lambda: stage.gatekeeper() != gatekeeper)
    log = stage.target.paths.endpoint("town-books") / "envoy" / "access.log"
    logged = log.stat().st_size
    wait_until(lambda: log.stat().st_size > logged + 5000)

    stage.promote()
    ended = stage.ended()
    assert (ended.phase, stage.live()) == (Phase.DONE, GREEN)
    assert sum(one.requests for one in ended.receipt["after"].values()) > 0
    assert sum(one.lost + one.failed for part in ended.receipt.values() for one in part.values()) == 0
    wait_until(lambda: not stage.folder.alive())
    requests = sum(one.requests for part in ended.receipt.values() for one in part.values())
    assert requests == log.read_bytes().count(b"\n"), "none was sent after the receipt"
