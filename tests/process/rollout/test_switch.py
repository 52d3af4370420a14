"""One `sluice up` is a gated switch: a good green reaches all traffic, a bad one is stopped, and nothing is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from projects import Load, Project
from rollout_project import give_all_to, live, write_deployment, write_rollout

pytestmark = pytest.mark.process

CANARY = """\
steps:
  - weight: 10
    hold: 2s
  - weight: 50
    hold: 2s
  - bake: 1s
"""


def switch_to_green(project: Project, steps: str = CANARY, **green: str) -> None:
    write_deployment(project, "green", **green)
    write_rollout(project, steps)
    give_all_to(project, {"green": 100})


def last_walk(project: Project) -> dict[str, Any]:
    walk: dict[str, Any] = json.loads(project.must("rollout", "history", "--json"))["rollouts"][0]
    return walk


def test_a_good_green_reaches_all_of_the_traffic(books: Project) -> None:
    switch_to_green(books)
    with Load(books.port(), books.key()) as load:
        done = books.call("up", "--yes")
        assert done.returncode == 3, done.stdout + done.stderr  # it bakes, and frees the stack
        watched = books.call("rollout", "watch")
    assert watched.returncode == 0, watched.stdout + watched.stderr

    assert live(books) == {"green": 100}
    assert load.failed == []
    assert last_walk(books)["phase"] == "done"
    assert last_walk(books)["lost_to_the_switch"] == 0
    assert set(last_walk(books)["receipt"]) == {"before", "during", "after"}
    assert books.call("up", "--yes").returncode == 0


@pytest.mark.parametrize(
    ("fault", "said"),
    [({"FAILS_OF_20": "1"}, "errors"), ({"TAKES_MS": "120"}, "latency"), ({"DIES_AT": "30"}, "green")],
    ids=["errors", "latency", "dies"],
)
def test_a_bad_green_is_stopped_and_blue_has_all_again(books: Project, fault: dict[str, str], said: str) -> None:
    write_deployment(books, "blue", TAKES_MS="20")
    books.must("up", "--yes")
    switch_to_green(books, CANARY.replace("2s", "60s"), **{"TAKES_MS": "20", **fault})
    with Load(books.port(), books.key()) as load:
        done = books.call("up", "--yes")

    assert done.returncode == 1, done.stdout + done.stderr
    assert live(books) == {"blue": 100}
    assert said in done.stdout + done.stderr
    assert "rolled back" in done.stdout + done.stderr
    assert load.total > 0
    # A replica that died looks to the gateway like one that a switch took away.
    assert last_walk(books)["phase"] == "rolled_back"
    assert last_walk(books)["lost_to_the_switch"] == 0 or "DIES_AT" in fault

    again = books.call("up", "--yes")
    assert again.returncode == 3
    assert "retry" in again.stdout + again.stderr
    assert live(books) == {"blue": 100}
