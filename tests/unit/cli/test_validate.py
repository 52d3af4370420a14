"""`sluice validate`: a shape that editors and hooks rely on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Call

ENDPOINT = "name: questions\nauth_mode: key\n"


@pytest.fixture
def endpoint(project: Path) -> Path:
    file = project / "endpoints" / "qa" / "endpoint.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(ENDPOINT)
    return file


def test_nothing_is_wrong(call: Call, endpoint: Path) -> None:
    assert call("validate") == (0, "0 errors, 0 warnings\n", "")
    assert json.loads(call("validate", "--json").out) == {"errors": 0, "findings": []}
    assert call("validate", str(endpoint)).status == 0


def test_a_finding_has_a_place_and_a_remedy(call: Call, endpoint: Path) -> None:
    endpoint.write_text("name: questions\nauth_mod: key\n")
    said = call("validate", "--json")
    report = json.loads(said.out)
    assert (said.status, said.err) == (1, "")
    assert report["errors"] == 1
    [finding] = report["findings"]
    assert finding.keys() == {"severity", "path", "line", "column", "message", "remedy"}
    assert (finding["severity"], finding["path"], finding["line"], finding["column"]) == (
        "error",
        "endpoints/qa/endpoint.yaml",
        2,
        1,
    )
    assert "auth_mod" in finding["message"]
    assert "auth_mode" in finding["remedy"] + finding["message"]


def test_findings_as_lines(call: Call, endpoint: Path) -> None:
    endpoint.write_text("name: questions\nauth_mod: key\n")
    said = call("validate")
    assert said.status == 1
    assert said.out.startswith("endpoints/qa/endpoint.yaml:2:1: error: ")
    assert said.out.endswith("1 errors, 0 warnings\n")


def test_a_file_alone_needs_no_project(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "endpoint.yaml").write_text(ENDPOINT.replace("key", "none"))
    said = call("validate", "endpoint.yaml")
    assert said.status == 1
    assert said.out.startswith("endpoint.yaml:2:")


def test_settings_of_the_stack_are_checked_too(call: Call, endpoint: Path, project: Path) -> None:
    settings = project / "stacks" / "dev" / "stack.yaml"
    settings.parent.mkdir(parents=True)
    settings.write_text("target: local\ntraffic:\n  quetsions:\n    blue: 100\n")
    said = call("validate")
    assert said.status == 1
    assert "stacks/dev/stack.yaml:3:" in said.out
    assert "Did you mean `questions`?" in said.out


@pytest.mark.parametrize("text", ["target: nowhere\n", "target: [\n", "- a list\n"])
def test_settings_that_can_not_be_read(call: Call, endpoint: Path, project: Path, text: str) -> None:
    settings = project / "stacks" / "dev" / "stack.yaml"
    settings.parent.mkdir(parents=True)
    settings.write_text(text)
    said = call("validate")
    assert said.status == 1
    assert "stacks/dev/stack.yaml:" in said.out + said.err
