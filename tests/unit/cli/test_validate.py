"""`sluice validate`: shapes that editors, hooks and pipelines rely on."""

from __future__ import annotations

import argparse
import io
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer

from sluice.cli import explain, validate
from sluice.cli.app import app
from sluice.cli.options import Verb, parse

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Call

ENDPOINT = "name: questions\nauth_mode: key\n"
MODEL = "model: {name: m, path: ../../weights, type: custom_model}\nenvironment: {name: e, image: 'python:3.11'}\n"
BLUE = f"name: blue\nendpoint_name: questions\n{MODEL}instance_type: Standard_DS3_v2\ninstance_count: 1\n"


@pytest.fixture
def endpoint(project: Path) -> Path:
    file = project / "endpoints" / "qa" / "endpoint.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(ENDPOINT)
    return file


def test_nothing_is_wrong(call: Call, endpoint: Path) -> None:
    assert call("validate") == (0, "nothing wrong in 1 file\n", "")
    assert json.loads(call("validate", "--json").out) == {
        "files": [{"path": "endpoints/qa/endpoint.yaml", "kind": "endpoint", "ok": True, "diagnostics": []}]
    }
    assert call("validate", str(endpoint)).status == 0


def test_a_finding_has_a_place_and_a_remedy(call: Call, endpoint: Path) -> None:
    endpoint.write_text("name: questions\nauth_mod: key\n")
    said = call("validate", "--json")
    assert (said.status, said.err) == (1, "")
    assert json.loads(said.out) == {
        "files": [
            {
                "path": "endpoints/qa/endpoint.yaml",
                "kind": "endpoint",
                "ok": False,
                "diagnostics": [
                    {
                        "severity": "error",
                        "code": "unknown-key",
                        "line": 2,
                        "column": 1,
                        "key": "auth_mod",
                        "message": "unknown key `auth_mod`",
                        "remedy": "Did you mean `auth_mode`?",
                    }
                ],
            }
        ]
    }
    assert call("validate", "--format", "json").out == said.out


def test_findings_as_lines(call: Call, endpoint: Path) -> None:
    endpoint.write_text("name: questions\nauth_mod: key\n")
    said = call("validate")
    assert (said.status, said.err) == (1, "")
    assert said.out.splitlines() == [
        "endpoints/qa/endpoint.yaml:2:1: error[unknown-key] auth_mod: unknown key `auth_mod`",
        "  Did you mean `auth_mode`?",
        "1 error in 1 of 1 file",
    ]


def test_paths_are_as_seen_from_where_the_call_is_made(
    call: Call, endpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint.write_text("name: questions\nauth_mod: key\n")
    (endpoint.parent / "deep").mkdir()
    monkeypatch.chdir(endpoint.parent / "deep")
    assert call("validate").out.startswith("../endpoint.yaml:2:1: ")


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
    assert "stacks/dev/stack.yaml:3:3: error[endpoint] traffic.quetsions: " in said.out
    assert "Did you mean `questions`?" in said.out


@pytest.mark.parametrize("text", ["target: nowhere\n", "target: [\n", "- a list\n"])
def test_settings_that_can_not_be_read(call: Call, endpoint: Path, project: Path, text: str) -> None:
    settings = project / "stacks" / "dev" / "stack.yaml"
    settings.parent.mkdir(parents=True)
    settings.write_text(text)
    said = call("validate", "--json")
    assert (said.status, said.err) == (1, "")
    [file] = json.loads(said.out)["files"]
    assert (file["path"], file["kind"], file["ok"]) == ("stacks/dev/stack.yaml", "stack", False)


def test_warnings_fail_where_they_are_asked_to(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "search.yaml").write_text("name: search\ntype: serp\napi_key: hush\n")
    assert call("validate", "search.yaml").status == 0
    assert call("validate", "search.yaml", "--strict").status == 1


def test_standard_input_stands_for_a_file(call: Call, endpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (endpoint.parents[2] / "weights").write_text("")

    def typed(text: str, *arguments: str) -> Any:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        return call("validate", "-", *arguments)

    name = "endpoints/qa/blue.yaml"
    assert typed(BLUE, "--stdin-filename", name).out == "nothing wrong in 1 file\n"
    assert (
        f"{name}:3:24: error[missing-file] model.path: "
        in typed(BLUE.replace("weights", "weight"), "--stdin-filename", name).out
    )
    assert typed("name: x\n", "--kind", "endpoint").out.startswith("stdin.yaml:1:7: error[pattern] name: ")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--name", "x"),
        ("--set", "a=1"),
        ("--kind", "endpoint"),
        ("--kind", "nonsense", "a.yaml"),
        ("--affected", "--name", "x", "a.yaml"),
        ("-", "a.yaml"),
        ("a.yaml", "--stdin-filename", "b.yaml"),
        ("--format", "xml"),
        ("a.yaml", "--set", "nonsense"),
        ("a.yaml", "--quota", "a=1"),
        ("--quota", "nonsense"),
        ("--stack", "a/b"),
        ("--strickt",),
        ("a.yaml", "--json", "--format", "sarif"),
        ("a.yaml", "--json", "--format", "github"),
    ],
    ids=" ".join,
)
def test_calls_that_are_wrong(call: Call, endpoint: Path, arguments: tuple[str, ...]) -> None:
    Path("a.yaml").write_text(ENDPOINT)
    said = call("validate", *arguments)
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith("error: ")


def test_options_may_stand_between_files(call: Call, endpoint: Path) -> None:
    other = endpoint.with_name("other.yaml")
    other.write_text(ENDPOINT)
    said = call("validate", str(endpoint), "--json", str(other))
    assert said.status == 0
    assert len(json.loads(said.out)["files"]) == 2


def test_a_file_of_several_names_is_checked_once(call: Call, endpoint: Path) -> None:
    names = (str(endpoint.parent), str(endpoint), f"./{os.path.relpath(endpoint)}", str(endpoint.resolve()))
    assert call("validate", *names).out == "nothing wrong in 1 file\n"
    notes = endpoint.with_name("notes.yaml")
    notes.write_text("shopping: [milk]\n")  # passed over in a folder; named, it has to be a specification
    assert call("validate", str(endpoint.parent)).status == 0
    assert call("validate", str(endpoint.parent), str(notes)).status == 1


def test_what_depends_on_a_change_is_checked_and_nothing_else(call: Call, endpoint: Path, project: Path) -> None:
    (endpoint.parent / "blue.yaml").write_text(BLUE.replace("instance_count: 1", "instance_count: 0"))
    (project / "weights").write_text("")
    (project / "notes.yaml").write_text("shopping: [milk]\n")
    (project / "run.yaml").write_text("flow: nowhere\ndata: nothing.jsonl\n")

    def files(*changed: str) -> set[str]:
        return {file["path"] for file in json.loads(call("validate", "--affected", "--json", *changed).out)["files"]}

    both = {"endpoints/qa/blue.yaml", "endpoints/qa/endpoint.yaml"}
    assert files("weights") == both
    assert files("endpoints/qa/endpoint.yaml") == both
    assert files("notes.yaml", "elsewhere.py") == set()
    assert files("run.yaml") == {"run.yaml"}
    assert call("validate", "--affected", "weights").status == 1
    assert call("validate", "--affected", "notes.yaml").out == "nothing wrong in 0 files\n"


def test_what_depends_on_a_change_without_a_project(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "score.py").write_text("def run(:\n")
    text = BLUE.replace("../../weights", "src") + "code_configuration: {code: src, scoring_script: score.py}\n"
    (tmp_path / "blue.yaml").write_text(text)
    (tmp_path / "other.yaml").write_text("name: 1\nauth_mode: key\n")

    said = call("validate", "--affected", "src/score.py")
    assert said.status == 1
    assert said.out.splitlines()[0].startswith("blue.yaml:7:49: error[scoring-script] ")
    assert said.out.splitlines()[-1] == "1 error in 1 of 1 file"


def test_the_fields_of_a_call_are_the_options() -> None:
    assert list(validate.Call._fields) == [option.name for option in validate.VERB.options]


@pytest.mark.parametrize("verb", [validate.VERB, explain.VERB], ids=lambda verb: verb.name)
def test_typer_knows_the_same_options(verb: Verb) -> None:
    """Help, completion and the reference come from Typer, calls are read by argparse: both from one table."""
    command: Any = typer.main.get_command(app)
    known = {param.name: param for param in command.commands[verb.name].params}
    assert known.keys() == {option.name for option in verb.options}
    for option in verb.options:
        assert not option.flags or tuple(known[option.name].opts) == option.flags
        assert known[option.name].help == option.help
        if option.default:
            assert known[option.name].default == option.default
    assert all(value in (None, False, "dev", "text", []) for value in vars(parse(verb, [])).values())


@pytest.mark.parametrize("verb", [validate.VERB, explain.VERB], ids=lambda verb: verb.name)
def test_help_shows_every_option(call: Call, verb: Verb) -> None:
    said = call(verb.name, "--help").out
    assert all(flag in said for option in verb.options for flag in option.flags)
    assert isinstance(parse(verb, []), argparse.Namespace)


@pytest.mark.parametrize("files", [("",), ("empty",)])
def test_a_name_that_leads_to_no_specification_is_no_success(call: Call, project: Path, files: tuple[str, ...]) -> None:
    (project / "empty").mkdir()
    assert call("validate", *files).status == 2


def test_a_file_may_begin_with_a_hyphen(call: Call, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    (project / "-x.yaml").write_text(ENDPOINT)
    assert call("validate", "--strict", "--", "-x.yaml").out == "nothing wrong in 1 file\n"


def test_standard_input_that_is_closed_is_told(call: Call, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    said = call("validate", "-")
    assert (said.status, "is closed" in said.err) == (2, True)


def test_a_name_that_no_disk_takes_hides_nothing_of_other_files(call: Call, endpoint: Path) -> None:
    endpoint.write_text("name: questions\nauth_mod: key\n")
    said = call("validate", "a" * 5000, str(endpoint))
    assert said.status == 1
    assert "auth_mode" in said.out
    assert "too long" in said.out


@pytest.mark.parametrize(("target", "told"), [("azure", ["endpoints/qa/blue.yaml:4:24"]), ("local", [])])
def test_on_azure_a_base_image_has_to_be_within_reach(
    call: Call, endpoint: Path, project: Path, target: str, told: list[str]
) -> None:
    settings = project / "stacks" / "dev" / "stack.yaml"
    settings.parent.mkdir(parents=True)
    settings.write_text(f"target: {target}\n")
    (project / "weights").write_text("")
    (endpoint.parent / "blue.yaml").write_text(BLUE.replace("python:3.11", "registry.lan/serving:1"))
    found = [line for line in call("validate").out.splitlines() if "error[base-registry]" in line]
    assert [line.partition(": ")[0] for line in found] == told
