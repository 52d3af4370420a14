"""`sluice import` of what is on a simulated Azure: files that validate, and nothing changed there."""

from __future__ import annotations

from tests.azure.cli.conftest import Project
from tests.azure.scenes import running
from tests.unit.azure.conftest import STACK


def there(project: Project) -> str:
    for name in STACK:
        (project.root / name).unlink()
    above = running(project.world, "blue", "green", traffic={"blue": 90, "green": 10})
    workspace = project.world.workspace_id
    for name in ("blue", "green"):
        properties = project.world.must(f"{above}/deployments/{name}").body["properties"]
        properties |= {
            "model": f"{workspace}/models/chat/versions/3",
            "environmentId": f"{workspace}/environments/serving/versions/1",
            "environmentVariables": {"MODE": "fast", "API_TOKEN": "do-not-write-me"},
        }
    return above


def test_an_endpoint_becomes_files_that_validate(project: Project) -> None:
    there(project)
    said = project.call("import", "answers")
    assert said.status == 0, said
    assert said.out.splitlines() == [f"endpoints/answers/{name}.yaml" for name in ("endpoint", "blue", "green")]
    assert "set these before `sluice up`: API_TOKEN" in said.err
    assert {method for method, _ in project.world.requests} == {"GET"}
    checked = project.call("validate")
    assert checked.status == 0, checked
    blue = (project.root / "endpoints/answers/blue.yaml").read_text()
    assert "model: azureml:chat:3" in blue
    assert "request_timeout_ms: 90000" in blue
    assert "do-not-write-me" not in blue
    assert "blue: 90" in (project.root / "endpoints/answers/endpoint.yaml").read_text()


def test_no_file_is_overwritten(project: Project) -> None:
    there(project)
    project.write("endpoints/answers/blue.yaml", "mine: true\n")
    said = project.call("import", "answers")
    assert (said.status, "blue.yaml: there already" in said.err) == (2, True)
    assert not (project.root / "endpoints/answers/endpoint.yaml").exists()


def test_what_is_not_there_or_not_on_azure(project: Project) -> None:
    assert "workspace space has no endpoint others" in project.call("import", "others").err
    project.write("stacks/prod/stack.yaml", "target: local\n")
    assert "is on this machine" in project.call("import", "answers").err
