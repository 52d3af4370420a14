"""What `sluice rollout dry-run` says of a walk that has not begun."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sluice.rollout.show_words import WIDTH

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Call, Stand

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
