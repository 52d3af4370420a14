"""The schemas mean the same to other tools: to the reference implementation, and to check-jsonschema."""

from __future__ import annotations

from pathlib import Path

import check_jsonschema  # type: ignore[import-untyped]  # it is a program
import pytest
import yaml
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference_validator import reference
from spec_data import ANYTHING, changed, of_kind

from sluice.spec.kinds import Kind
from sluice.spec.schema import schema_file, schema_folder, validator

EXAMPLES: dict[Kind, str] = {
    Kind.ENDPOINT: "name: chat\nauth_mode: key\ntraffic: {blue: 100}\n",
    Kind.DEPLOYMENT: "name: blue\nendpoint_name: chat\nmodel: azureml:chat:1\ninstance_type: Standard_DS3_v2\n",
    Kind.MODEL: "name: chat\nversion: 1\npath: ../flow\n",
    Kind.ENVIRONMENT: "name: python\nimage: example.com/python:3.11\n",
    Kind.CONNECTION: "name: openai\ntype: azure_open_ai\ntarget: https://example.com\n",
    Kind.ACCESS: "grants:\n- {identity: chat, role: AzureML Data Scientist, scope: workspace}\n",
    Kind.STACK: "target: local\n",
    Kind.FLOW: "nodes:\n- {name: ask, type: python, source: {type: code, path: ask.py}}\n",
    Kind.FLEX_FLOW: "entry: flow:ask\n",
    Kind.RUN: "flow: .\ndata: data.jsonl\n",
    Kind.WORKSPACE: "name: work\nidentity: {type: system_assigned}\n",
    Kind.CONFIG: "config:\n  sluice:target: local\n",
    Kind.ROLLOUT: "endpoint_name: chat\nsteps:\n- {weight: 10, hold: 5m}\n- {bake: 10m}\n",
}


def checked(*arguments: str) -> Result:
    return CliRunner().invoke(check_jsonschema.main, [*arguments, "--no-cache", "--color", "never"])


@pytest.mark.parametrize("kind", list(Kind))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_both_validators_agree(kind: Kind, data: st.DataObject) -> None:
    made = data.draw(of_kind(kind).flatmap(changed) | ANYTHING)

    assert validator(kind).is_valid(made) == reference(kind).is_valid(made)


def test_check_jsonschema_takes_the_schemas() -> None:
    files = sorted(str(path) for path in schema_folder().glob("*.json"))

    found = checked("--check-metaschema", *files)

    assert found.exit_code == 0, found.output


@pytest.mark.parametrize("kind", list(Kind))
def test_check_jsonschema_validates_a_file_of_each_kind(kind: Kind, tmp_path: Path) -> None:
    schema, good, bad = schema_folder() / schema_file(kind), tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(EXAMPLES[kind], encoding="utf-8")
    bad.write_text(yaml.safe_dump([EXAMPLES[kind]]), encoding="utf-8")

    taken = checked("--schemafile", str(schema), str(good))
    refused = checked("--schemafile", str(schema), str(bad))

    assert taken.exit_code == 0, taken.output
    assert refused.exit_code == 1, refused.output
