"""`sluice init`: a project around what is there, made once, changing nothing that exists."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sluice.cli.init import found_specs, patterns_for, settings

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Call

USUAL = ["endpoints", "models", "environments", "connections"]
FOLDERS = st.sampled_from([*USUAL, "cli", "a b", "[x]", "*", "1.0", "ü", "#1", "- a"])
PLACES = st.builds(
    lambda folders, name, suffix: PurePosixPath(*folders, name + suffix),
    st.lists(FOLDERS, max_size=3),
    st.sampled_from(["a", "b"]),
    st.sampled_from([".yml", ".yaml"]),
)
ENDPOINT = "$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineEndpoint.schema.json\nname: one\n"


def contents(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


def test_an_empty_folder_becomes_a_project(call: Call, tmp_path: Path) -> None:
    said = call("init", str(tmp_path), "--name", "my project", "--stack", "test")
    assert said.status == 0
    made = contents(tmp_path)
    assert made.keys() == {"Pulumi.yaml", "infra/__main__.py", "stacks/test/stack.yaml", ".gitignore"}
    assert yaml.safe_load(made["Pulumi.yaml"])["name"] == "my-project"
    assert yaml.safe_load(made["stacks/test/stack.yaml"]) == {"target": "local"}
    assert made[".gitignore"].splitlines() == [".sluice/", "stacks/Pulumi.*.yaml"]
    assert [line for line in said.out.splitlines() if line.startswith("wrote ")] == [
        "wrote Pulumi.yaml",
        "wrote infra/__main__.py",
        "wrote stacks/test/stack.yaml",
    ]
    assert "sluice up --stack test" in said.out


def test_the_second_time_changes_nothing(call: Call, tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*.log\n.sluice/")
    (tmp_path / "cli").mkdir()
    (tmp_path / "cli" / "endpoint.yml").write_text(ENDPOINT)
    call("init", str(tmp_path))
    once = contents(tmp_path)
    said = call("init", str(tmp_path), "--name", "other")
    assert said.status == 0
    assert "wrote" not in said.out
    assert contents(tmp_path) == once
    assert once[".gitignore"] == "*.log\n.sluice/\nstacks/Pulumi.*.yaml\n"
    assert yaml.safe_load(once["stacks/dev/stack.yaml"])["specs"] == ["cli/*.yml"]


def test_a_further_stack_is_added(call: Call, tmp_path: Path) -> None:
    call("init", str(tmp_path))
    once = contents(tmp_path)
    call("init", str(tmp_path), "--stack", "prod")
    assert contents(tmp_path).items() >= once.items()
    assert (tmp_path / "stacks" / "prod" / "stack.yaml").is_file()


@pytest.mark.parametrize("name", ["2024", "1.5", "true", "null", "on", "0x1f", "answers", "a.b_c-d"])
def test_a_projects_name_is_text(call: Call, tmp_path: Path, name: str) -> None:
    call("init", str(tmp_path), "--name", name)
    assert yaml.safe_load((tmp_path / "Pulumi.yaml").read_text())["name"] == name


def test_a_folder_that_is_not_there(call: Call, tmp_path: Path) -> None:
    said = call("init", str(tmp_path / "nowhere"))
    assert said.status == 2
    assert "mkdir -p" in said.err


def test_a_folder_that_can_not_be_written(call: Call, tmp_path: Path) -> None:
    (tmp_path / "infra").write_text("a file where the folder should be")
    said = call("init", str(tmp_path))
    assert said.status == 1
    assert "can't be written" in said.err


def test_specifications_anywhere_are_found_and_a_stacks_own_are_not(tmp_path: Path) -> None:
    for name in ("one.yaml", "deep/er/two.yml", "stacks/dev/three.yaml", ".sluice/four.yaml", "endpoints/five.yaml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(ENDPOINT)
    (tmp_path / "compose.yaml").write_text("services: {}\n")
    found = found_specs(tmp_path)
    assert sorted(map(str, found)) == ["deep/er/two.yml", "endpoints/five.yaml", "one.yaml"]


@given(st.lists(PLACES.filter(lambda place: place.parts[0] in USUAL)))
def test_usual_places_need_no_patterns(places: list[PurePosixPath]) -> None:
    assert patterns_for(places) == []


@given(st.lists(PLACES, min_size=1, max_size=4))
def test_patterns_match_every_place_and_no_other_folder(places: list[PurePosixPath]) -> None:
    patterns = patterns_for(places)
    if not patterns:
        return
    assert len(patterns) == len({(place.parent, place.suffix) for place in places})
    with TemporaryDirectory() as name:
        root = Path(name)
        for place in [*places, PurePosixPath("elsewhere/a.yaml")]:
            (root / place).parent.mkdir(parents=True, exist_ok=True)
            (root / place).write_text("")
        matched = {path.relative_to(root).as_posix() for pattern in patterns for path in root.glob(pattern)}
    assert matched == {str(place) for place in places}


@given(st.lists(PLACES, max_size=4))
def test_a_stacks_settings_are_read_as_they_were_meant(places: list[PurePosixPath]) -> None:
    patterns = patterns_for(places)
    expected = {"target": "local", "specs": patterns} if patterns else {"target": "local"}
    assert yaml.safe_load(settings("dev", patterns)) == expected
