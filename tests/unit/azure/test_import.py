"""What is on Azure as specifications: each plans the body again that it came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.azure.oracle.ours import SITE, converted

from sluice.plan.azure_import import Imported, deployment_spec, endpoint_spec, milliseconds
from sluice.plan.azure_values import duration

CASES = Path(__file__).parents[2] / "azure" / "oracle" / "cases"


def bodies(kind: str) -> list[Any]:
    return [pytest.param(path, id=path.stem) for path in sorted(CASES.glob(f"{kind}-*.yaml"))]


def again(kind: str, found: Imported, folder: Path) -> Any:
    """Return the body that is planned of what was imported."""
    file = folder / f"{kind}.yaml"
    file.write_text(yaml.safe_dump(found.spec, sort_keys=False))
    planned = converted(kind, file)
    assert planned is not None, found.spec
    return planned["body"]


@pytest.mark.parametrize("path", bodies("endpoint"))
def test_an_endpoint_comes_back(path: Path, tmp_path: Path) -> None:
    body = converted("endpoint", path)
    assert body is not None
    assert again("endpoint", endpoint_spec("a-name", body["body"], SITE.id), tmp_path) == body["body"]


@pytest.mark.parametrize("path", bodies("deployment"))
def test_a_deployment_comes_back(path: Path, tmp_path: Path) -> None:
    body = converted("deployment", path)
    assert body is not None
    found = deployment_spec("a-name", "blue", body["body"], SITE.id)
    planned = again("deployment", found, tmp_path)
    variables, before = (one["properties"].pop("environmentVariables", None) or {} for one in (planned, body["body"]))
    assert planned == body["body"]
    assert {name: value for name, value in variables.items() if name not in found.hidden} == {
        name: value for name, value in before.items() if name not in found.hidden
    }


def test_weights_are_those_that_are_live() -> None:
    body = {"properties": {"authMode": "Key", "traffic": {"blue": 100.0, "green": 0}, "mirrorTraffic": {"green": 10}}}
    spec = endpoint_spec("chat", body, SITE.id).spec
    assert (spec["traffic"], spec["mirror_traffic"]) == ({"blue": 100}, {"green": 10})


def test_what_the_service_notes_is_left_to_it() -> None:
    noted = {
        "azureml.onlineendpointid": "x",
        "AzureAsyncOperationUri": "y",
        "enforce_access_to_default_secret_stores": "enabled",
    }
    body = {"properties": {"authMode": "AADToken", "properties": noted, "scoringUri": "https://x"}}
    spec = endpoint_spec("chat", body, SITE.id).spec
    assert spec["properties"] == {"enforce_access_to_default_secret_stores": "enabled"}
    assert spec["auth_mode"] == "aad_token"
    assert "scoring_uri" not in spec


def test_a_variable_that_may_be_a_secret_is_not_written() -> None:
    told = {"OPENAI_API_KEY": "sk-1", "DB_CONNECTION_STRING": "Server=x;Pwd=y", "MODE": "fast", "HOOK": "https://u:p@h/x",
            "my_connection": "${{azureml://connections/a}}"}  # fmt: skip
    found = deployment_spec("chat", "blue", {"properties": {"environmentVariables": told}}, SITE.id)
    assert found.hidden == ("DB_CONNECTION_STRING", "HOOK", "OPENAI_API_KEY")
    variables = found.spec["environment_variables"]
    assert variables["OPENAI_API_KEY"] == "${env:OPENAI_API_KEY}"
    assert (variables["MODE"], variables["my_connection"]) == ("fast", "${{azureml://connections/a}}")
    assert "sk-1" not in str(found)


@given(st.integers(1, 10**10))
def test_durations_come_back(value: int) -> None:
    assert milliseconds(duration(value)) == value


@pytest.mark.parametrize("text", [None, "", "PT", "soon", "PT5X"])
def test_what_is_no_duration_is_none_of_any_length(text: str | None) -> None:
    assert not milliseconds(text)
