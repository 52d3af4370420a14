from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from sluice.errors import Mark, SpecError
from sluice.spec.files import validate_files
from sluice.spec.kinds import Kind
from sluice.spec.load import check, load_specs
from sluice.spec.models import Model
from sluice.spec.references import find_local
from sluice.spec.terms import AssetReference

Project = Callable[[Mapping[str, str]], Path]

BLUE = """
name: blue
endpoint_name: chat
model: {path: ../../model}
environment: {image: "i:1", conda_file: conda.yaml}
instance_type: Standard_DS3_v2
instance_count: 1
environment_variables: {KEPT: "1", CHANGED: "1"}
"""
FILES = {
    "endpoints/chat/endpoint.yaml": "name: chat\nauth_mode: key\n",
    "endpoints/chat/blue.yaml": BLUE,
    "endpoints/chat/conda.yaml": "dependencies: [python=3.11, pip: [numpy]]\n",
    "endpoints/chat/access.yaml": "replace: true\ngrants: [{identity: chat, role: AcrPull, scope: registry}]\n",
    "models/m.yaml": "name: m\nversion: 2\npath: ../model\n",
    "environments/e.yaml": "name: e\nimage: i:1\n",
    "connections/c.yaml": "name: my_connection\ntype: serp\napi_key: ${env:KEY}\n",
    "model/weights": "x",
}


def test_a_whole_project(project: Project) -> None:
    specs = load_specs(project(FILES))

    assert specs.diagnostics == ()
    assert set(specs.endpoints) == {"chat"}
    assert [(one.endpoint_name, one.name) for one in specs.deployments] == [("chat", "blue")]
    assert set(specs.models) == {("m", "2")}
    assert set(specs.environments) == {("e", "1")}
    assert set(specs.connections) == {"my_connection"}
    assert [(access.replace, len(access.grants)) for access in specs.access] == [(True, 1)]


def test_every_local_model_has_its_content(project: Project) -> None:
    specs = load_specs(project(FILES))
    inline = specs.deployments[0].model

    assert isinstance(inline, Model)
    assert inline.content is not None
    assert set(inline.content.files) == {"weights"}
    assert specs.models["m", "2"].content == inline.content


def test_an_overlay_changes_what_it_names(project: Project) -> None:
    overlay = "name: blue\nendpoint_name: chat\ninstance_count: 3\nenvironment_variables: {CHANGED: '2'}\n"
    conda = "name: blue\nendpoint_name: chat\nenvironment: {conda_file: own.yaml}\n"
    root = project(FILES | {
        "stacks/prod/blue.yaml": overlay,
        "stacks/prod/sub/conda.yaml": conda,
        "stacks/prod/sub/own.yaml": "dependencies: [pip: [scipy]]\n",
    })  # fmt: skip

    specs = load_specs(root, stack="prod")
    blue = specs.deployments[0]

    assert specs.diagnostics == ()
    assert blue.instance_count == 3
    assert blue.environment_variables == {"KEPT": "1", "CHANGED": "2"}
    assert not isinstance(blue.environment, AssetReference)
    assert blue.environment is not None
    assert blue.environment.requirements == ("scipy",)
    assert load_specs(root).deployments[0].instance_count == 1


def test_an_overlay_may_bring_a_specification(project: Project) -> None:
    root = project(FILES | {"stacks/prod/endpoint.yaml": "name: only-here\nauth_mode: key\n"})

    assert set(load_specs(root, stack="prod").endpoints) == {"chat", "only-here"}
    assert set(load_specs(root).endpoints) == {"chat"}


def test_patterns_are_the_users(project: Project) -> None:
    root = project({"ml/online/ep.yml": FILES["endpoints/chat/endpoint.yaml"]})

    assert set(load_specs(root, ["ml/**/*.yml"]).endpoints) == {"chat"}
    assert set(load_specs(root, ["ml/**"]).endpoints) == {"chat"}
    assert [one.severity for one in load_specs(root, ["nowhere/*.yaml"]).diagnostics] == ["error"]


def test_a_file_that_two_patterns_match_is_read_once(project: Project) -> None:
    root = project({"a/endpoint.yaml": FILES["endpoints/chat/endpoint.yaml"]})

    assert load_specs(root, ["a/*.yaml", "**/endpoint.yaml"]).diagnostics == ()


def test_check_raises_one_error_with_all(project: Project) -> None:
    root = project(FILES | {
        "endpoints/chat/endpoint.yaml": "name: chat\nauth_mod: key\n",
        "endpoints/chat/blue.yaml": BLUE.replace("instance_count: 1", "instance_count: 0"),
    })  # fmt: skip

    with pytest.raises(SpecError) as caught:
        check(load_specs(root))

    lines = str(caught.value).splitlines()
    assert lines[0].startswith("endpoints/chat/blue.yaml:7:17: `instance_count` must be at least 1")
    assert lines[1].startswith("  Number of replicas.")
    assert lines[2] == "  endpoints/chat/endpoint.yaml:2:1: unknown key `auth_mod`"
    assert "Did you mean `auth_mode`?" in lines[3]


def test_warnings_are_no_errors(project: Project) -> None:
    specs = load_specs(project({"connections/c.yaml": "name: my_connection\ntype: serp\napi_key: hush\n"}))

    check(specs)
    assert [one.severity for one in specs.diagnostics] == ["warning"]


def test_files_by_themselves(project: Project) -> None:
    root = project({
        "blue.yaml": BLUE.replace("../../model", ".").replace(', conda_file: conda.yaml', ""),
        "what.yaml": "a: b\n",
        "empty.yaml": "",
    })  # fmt: skip

    found = validate_files(root, [root / name for name in ("blue.yaml", "what.yaml", "empty.yaml", "missing.yaml")])

    assert [(one.path, [finding.diagnostic.message for finding in one.findings]) for one in found] == [
        ("blue.yaml", []),
        ("what.yaml", ["can't tell which kind of specification this is"]),
        ("empty.yaml", ["the file is empty"]),
        ("missing.yaml", ["the file does not exist"]),
    ]


def test_a_file_of_another_kind_than_asked(project: Project) -> None:
    root = project({"f.yaml": "$schema: managedOnlineEndpoint.schema.json\nname: chat\n"})

    found = validate_files(root, [root / "f.yaml"], Kind.DEPLOYMENT)

    assert [finding.diagnostic.code for one in found for finding in one.findings] == ["kind"]


def test_a_file_outside_the_root_is_named_in_full(project: Project) -> None:
    root = project({"out/f.yaml": "name: x\nauth_mode: key\n", "in/f": ""})

    found = validate_files(root / "in", [root / "out" / "f.yaml"])

    assert [one.path for one in found] == [(root / "out" / "f.yaml").as_posix()]


@pytest.mark.parametrize(("text", "version"), [("latest", "10"), (None, "9")])
def test_local_references(text: str | None, version: str) -> None:
    models = {("m", number): Model(Mark("f"), "m", number) for number in ("9", "10", "1.2")}
    reference = AssetReference("azureml:m", "m", None if text else version, text)

    found = find_local(reference, models)

    assert found is not None
    assert found.version == version


def test_the_package_starts_light() -> None:
    code = "import sys, sluice.spec.load, sluice.spec.settings; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert {"jsonschema_rs", "jsonschema", "rich", "pulumi", "typer"}.isdisjoint(loaded)
