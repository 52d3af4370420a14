"""The example of a gated rollout does what its README says: nobody calls the endpoint but the rollout itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from projects import Project, lent

pytestmark = pytest.mark.process

ENDPOINT, GREEN = "endpoints/tales/endpoint.yaml", "endpoints/tales/green.yaml"


@pytest.fixture(scope="module")
def tales(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with lent(tmp_path_factory.mktemp("example") / "p", "gated-rollout") as project:
        project.must("validate")
        project.must("up", "--yes")
        yield project


def last(project: Project) -> dict[str, Any]:
    """Return the last rollout that has ended."""
    found: dict[str, Any] = json.loads(project.must("rollout", "history", "--json"))["rollouts"][0]
    return found


def live(project: Project) -> dict[str, int]:
    weights: dict[str, int] = json.loads(project.must("traffic", "show", "--json"))["traffic"]
    return {name: weight for name, weight in weights.items() if weight}


@pytest.mark.parametrize(
    ("fault", "said"),
    [(("FAILS_OF_20", "5"), "errors"), (("TAKES_MS", "100"), "latency"), (("FAILS_OF_20", "20"), "alike")],
    ids=["errors", "latency", "answers"],
)
def test_a_bad_green_is_stopped(tales: Project, fault: tuple[str, str], said: str) -> None:
    name, value = fault
    tales.edit(GREEN, f'{name}: "0"', f'{name}: "{value}"')
    if "blue: 100" in (tales.root / ENDPOINT).read_text():
        tales.edit(ENDPOINT, "blue: 100", "green: 100")
    done = tales.call("up", "--yes")
    tales.edit(GREEN, f'{name}: "{value}"', f'{name}: "0"')

    ended = last(tales)
    assert (done.returncode, ended["phase"], live(tales)) == (1, "rolled_back", {"blue": 100}), done.stderr
    assert said in ended["says"]
    assert sum(one["lost_to_the_switch"] for part in ended["receipt"].values() for one in part.values()) == 0


def test_a_good_green_reaches_all_of_the_traffic_without_a_caller(tales: Project) -> None:
    if "blue: 100" in (tales.root / ENDPOINT).read_text():
        tales.edit(ENDPOINT, "blue: 100", "green: 100")
    done = tales.call("up", "--yes")
    assert done.returncode == 3, done.stdout + done.stderr  # it bakes
    watched = tales.must("rollout", "status", "--watch")

    assert "live load of 40 requests a second until the rollout has ended" in watched
    ended = last(tales)
    assert (ended["phase"], live(tales)) == ("done", {"green": 100}), ended
    assert ended["receipt"]["after"]["green"]["requests"] > 0, "it goes on while it bakes"
    assert "town-tales" in tales.must("rollout", "history", "--markdown", "--limit", "1")
