"""Exit codes that scripts rely on, and words that say what is wrong and what to do."""

from __future__ import annotations

import io
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer

from sluice.cli.app import app
from sluice.cli.main import run

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Call, Stand

# Verbs about a project, as they are called in none.
ABOUT_A_PROJECT = [
    ("validate",),
    ("preview",),
    ("up", "--yes"),
    ("down", "--yes"),
    ("status",),
    ("list",),
    ("import", "answers"),
    ("access", "plan"),
    ("access", "check"),
    ("logs",),
    ("token",),
    ("shell-env",),
    ("invoke", "{}"),
    ("traffic", "show"),
    ("traffic", "set", "blue=100", "--yes"),
    ("traffic", "reset", "--yes"),
    ("keys", "show"),
    ("keys", "regenerate", "primary", "--yes"),
    ("model", "list"),
    ("model", "show", "iris"),
    ("rollback", "--yes"),
    ("rollout", "status"),
    ("rollout", "watch"),
    ("rollout", "promote", "--yes"),
    ("rollout", "abort", "--yes"),
    ("rollout", "retry", "--yes"),
    ("rollout", "history"),
    ("rollout", "dry-run"),
    ("environment", "lock"),
    ("environment", "show"),
    ("environment", "diff"),
    ("model", "create", "--run", "r"),
    ("run", "create", "-f", "run.yml"),
    ("run", "list"),
    ("run", "show", "r"),
    ("run", "stream", "r"),
    ("run", "details", "r"),
    ("run", "metrics", "r"),
    ("run", "visualize", "r"),
    ("run", "cancel", "r", "--yes"),
    ("run", "archive", "r"),
    ("eval", "run", "-f", "run.yml", "--url", "http://127.0.0.1:1"),
    ("eval", "compare", "a", "b"),
    ("eval", "gate", "r", "--metric", "m", "--at-least", "1"),
    ("flow", "test", "flow"),
]
# Verbs about one endpoint, as they are called where there is none or several.
ABOUT_AN_ENDPOINT = [
    ("logs",),
    ("token",),
    ("invoke", "{}"),
    ("traffic", "show"),
    ("traffic", "set", "blue=100", "--yes"),
    ("traffic", "reset", "--yes"),
    ("keys", "show"),
    ("keys", "regenerate", "primary", "--yes"),
    ("rollback", "--yes"),
    ("rollout", "watch"),
    ("rollout", "promote", "--yes"),
    ("rollout", "abort", "--yes"),
    ("rollout", "retry", "--yes"),
]
spaced = " ".join


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every verb, with its path."""
    children = getattr(command, "commands", {})
    if not children:
        yield path, command
    for name, child in children.items():
        yield from commands(child, (*path, name))


VERBS = dict(commands(typer.main.get_command(app)))


def test_every_verb_that_is_about_a_project_is_listed_here() -> None:
    listed = {verb for verb in VERBS if any(verb == one[: len(verb)] for one in ABOUT_A_PROJECT)}
    machines = {("environment", "builder", verb) for verb in ("status", "stop", "prune")}
    assert VERBS.keys() - listed - machines == {("init",), ("doctor",), ("explain",)}


@pytest.mark.parametrize("verb", VERBS, ids=spaced)
def test_help_shows_an_example(call: Call, verb: tuple[str, ...]) -> None:
    said = call(*verb, "--help")
    assert said.status == 0
    assert "Example" in said.out
    assert f"sluice {spaced(verb)}" in said.out.replace("\n", " ")


@pytest.mark.parametrize("option", [option for verb in VERBS.values() for option in verb.params], ids=lambda o: o.name)
def test_every_option_is_explained(option: Any) -> None:
    assert getattr(option, "help", None)


@pytest.mark.parametrize(
    "arguments",
    [("nonsense",), ("status", "--nonsense"), ("traffic",), ("keys", "regenerate", "third"), ("logs", "-n", "-1")],
    ids=spaced,
)
def test_a_call_that_is_wrong_ends_with_2(call: Call, arguments: tuple[str, ...]) -> None:
    said = call(*arguments)
    assert (said.status, said.out) == (2, "")
    assert said.err


@pytest.mark.parametrize("arguments", ABOUT_A_PROJECT, ids=spaced)
def test_outside_of_a_project(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    said = call(*arguments)
    assert said.status == 2
    assert "no Pulumi.yaml here or in any folder above" in said.err
    assert "sluice init" in said.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("arguments", ABOUT_AN_ENDPOINT, ids=spaced)
def test_where_there_is_no_endpoint(call: Call, arguments: tuple[str, ...]) -> None:
    said = call(*arguments, "--stack", "prod")
    assert said.status == 1
    assert "stack prod has no endpoint on this machine" in said.err
    assert "sluice up" in said.err


@pytest.mark.parametrize("arguments", ABOUT_AN_ENDPOINT, ids=spaced)
def test_where_there_are_several_endpoints(call: Call, stand: Stand, arguments: tuple[str, ...]) -> None:
    stand("qa", "blue")
    stand("zoo", "blue")
    said = call(*arguments)
    assert said.status == 2
    assert "the stack has 2 endpoints: qa, zoo" in said.err
    assert "--endpoint NAME" in said.err


@pytest.mark.parametrize("arguments", [*ABOUT_AN_ENDPOINT, ("status",)], ids=spaced)
def test_an_endpoint_that_does_not_exist(call: Call, stand: Stand, arguments: tuple[str, ...]) -> None:
    stand("qa", "blue")
    said = call(*arguments, "--endpoint", "zoo")
    assert said.status == 1
    assert "endpoint zoo does not exist; found: qa" in said.err


@pytest.mark.usefixtures("project")
def test_a_stack_without_anything(call: Call) -> None:
    said = call("status", "--stack", "prod")
    assert said.status == 0
    assert "sluice up --stack prod" in said.out
    assert json.loads(call("status", "--json").out) == {"endpoints": []}
    assert json.loads(call("model", "list", "--json").out) == {"models": []}
    assert call("model", "show", "iris").status == 1


def test_the_stack_may_be_named_in_the_environment(call: Call, stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    stand("qa", "blue")
    monkeypatch.setenv("SLUICE_STACK", "prod")
    assert "stack prod has no endpoint" in call("traffic", "show").err
    assert call("traffic", "show", "-s", "dev").status == 0


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("traffic", "set", "blue=ten"), 2, "'blue=ten' is not a weight"),
        (("traffic", "set", "blue=50", "blue=50"), 2, "blue is given twice"),
        (("traffic", "set", "blue=50"), 1, "traffic sums to 50"),
        (("traffic", "set", "green=100"), 1, "green, which does not exist"),
        (("traffic", "set", "blue=100"), 2, "Say so: --yes"),
        (("keys", "regenerate", "primary"), 2, "Say so: --yes"),
        (("down",), 2, "Say so: --yes"),
        (("invoke",), 2, "a request is needed"),
        (("invoke", "{}", "-r", "request.json"), 2, "a request is needed"),
        (("invoke", "{"), 2, "the request: not JSON"),
        (("invoke", "-r", "nowhere.json"), 2, "nowhere.json: can't be read"),
        (("invoke", "{}", "-d", "green"), 1, "deployment green does not exist; found: blue"),
        (("logs", "-d", "green"), 1, "deployment green does not exist; found: blue"),
        (("logs", "--replica", "qa.blue.7"), 1, "replica qa.blue.7 does not exist; found: qa.blue.0"),
        (("token",), 1, "it takes keys, not tokens"),
        (("validate", "nowhere.yaml"), 1, ""),
    ],
    ids=str,
)
def test_what_can_not_be_is_refused_before_anything_happens(
    call: Call, stand: Stand, project: Path, arguments: tuple[str, ...], status: int, said: str
) -> None:
    stand("qa", "blue")
    before = sorted(project.rglob("*"))
    got = call(*arguments)
    assert got.status == status
    assert said in got.err
    assert sorted(project.rglob("*")) == before


def test_an_endpoint_that_does_not_answer(call: Call, stand: Stand) -> None:
    stand("qa", "blue")
    said = call("invoke", "{}")
    assert said.status == 1
    assert "endpoint qa does not answer on port 8000" in said.err
    assert "the first key" not in said.err


def test_keys_and_weights_are_shown(call: Call, stand: Stand) -> None:
    stand("qa", "blue", "green")
    keys = {"primaryKey": "the first key", "secondaryKey": "the second key"}
    assert json.loads(call("keys", "show", "--json").out) == keys
    weights = {"traffic": {"blue": 100, "green": 0}, "mirror_traffic": {}}
    assert json.loads(call("traffic", "show", "--json").out) == weights
    assert call("traffic", "show").out.splitlines()[1:] == ["blue        100 %   0 %", "green       0 %     0 %"]


def test_a_token_for_an_endpoint_that_takes_some(call: Call, stand: Stand) -> None:
    stand("qa", "blue", auth_mode="aml_token")
    said = json.loads(call("token", "--json", "--lifetime", "60").out)
    assert said.keys() == {"accessToken", "expiryTimeUtc"}
    assert call("keys", "show").status == 1


@pytest.mark.usefixtures("project")
def test_ctrl_c_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupting(io.StringIO):
        def write(self, text: str) -> int:
            signal.raise_signal(signal.SIGINT)
            return len(text)

    monkeypatch.setattr("sys.stdout", Interrupting())
    assert run(["status"]) == 130


def test_without_arguments_the_help_is_shown(call: Call) -> None:
    said = call()
    assert (said.status, said.err) == (0, "")
    assert "Usage: sluice" in said.out


def test_the_version_is_told(call: Call) -> None:
    assert call("--version").out.startswith("sluice ")
