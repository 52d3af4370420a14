from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spec_data import of_kind

from sluice.errors import Mark
from sluice.spec.build import build_access, build_deployment, build_endpoint
from sluice.spec.build_assets import build_environment, build_model
from sluice.spec.build_connection import build_connection
from sluice.spec.dump import Spec, dump
from sluice.spec.kinds import Kind
from sluice.spec.nodes import Node, to_json
from sluice.spec.parse import parse_documents
from sluice.spec.schema import normalised, top, validator
from sluice.spec.terms import SecretReference

ROOT = Path("/nowhere")
FOLDER = ROOT / "endpoints" / "chat"

BUILDERS: dict[Kind, Callable[[Node], Spec]] = {
    Kind.ENDPOINT: build_endpoint,
    Kind.DEPLOYMENT: lambda node: build_deployment(node, ROOT),
    Kind.MODEL: lambda node: build_model(node, ROOT),
    Kind.ENVIRONMENT: lambda node: build_environment(node, ROOT),
    Kind.CONNECTION: build_connection,
    Kind.ACCESS: build_access,
}


def read(kind: Kind, data: Any) -> Spec:
    text = yaml.safe_dump(data, allow_unicode=True)
    return BUILDERS[kind](normalised(parse_documents(text, "endpoints/chat/f.yaml")[0], top(kind)))


def plain(spec: Any) -> Any:
    """Return a model without its marks, and with the names of secrets, which it does not show."""
    if isinstance(spec, SecretReference):
        return spec.scheme, spec.name
    if is_dataclass(spec):
        return {one.name: plain(getattr(spec, one.name)) for one in fields(spec) if one.name not in {"at", "marks"}}
    if isinstance(spec, Mapping):
        return {key: plain(value) for key, value in spec.items()}
    if isinstance(spec, tuple):
        return [plain(value) for value in spec]
    return None if isinstance(spec, Mark) else spec


@pytest.mark.parametrize("kind", list(BUILDERS))
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(data=st.data())
def test_what_is_dumped_is_read_back(kind: Kind, data: st.DataObject) -> None:
    spec = read(kind, data.draw(of_kind(kind)))
    written = dump(spec, FOLDER)

    assert plain(read(kind, written)) == plain(spec)
    assert dump(read(kind, written), FOLDER) == written


@pytest.mark.parametrize("kind", list(BUILDERS))
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(data=st.data())
def test_what_is_dumped_is_valid(kind: Kind, data: st.DataObject) -> None:
    written = dump(read(kind, data.draw(of_kind(kind))), FOLDER)

    assert list(validator(kind).iter_errors(written)) == []


WRITTEN: list[tuple[Kind, str]] = [
    (Kind.ENDPOINT, "{name: chat, auth_mode: aml_token, traffic: {}, identity: {type: none}}"),
    (Kind.ENDPOINT, "{name: chat, auth_mode: key, compute: 'azureml:aks', traffic: {blue: 90, green: 10}, tags: {a: b},"
     " mirror_traffic: {green: 5}, identity: {type: user_assigned, user_assigned_identities: [{resource_id: /x}]}}"),
    (Kind.DEPLOYMENT, "{name: blue, endpoint_name: chat, model: {path: ./flow}, instance_count: 2,"
     " environment: {image: i, conda_file: {dependencies: [python=3.11, pip, {pip: [a==1, b]}]}},"
     " environment_variables: {KEY: '${keyvault:vault/key}', PLAIN: x}, liveness_probe: {period: 5}}"),
    (Kind.DEPLOYMENT, "{name: blue, endpoint_name: chat, model: 'azureml:chat@latest', instance_count: 1,"
     " code_configuration: {code: ../src, scoring_script: score.py}}"),
    (Kind.MODEL, "{name: m, version: '1.10', path: ./a:b, type: mlflow_model, tags: {a: 'no'}}"),
    (Kind.ENVIRONMENT, "{name: e, version: '2', build: {path: ../context}}"),
    (Kind.CONNECTION, "{name: one, type: custom, configs: {a: b}, secrets: {c: '${env:C}', d: literal}}"),
    (Kind.CONNECTION, "{name: one, type: git, target: https://example.com,"
     " credentials: {type: pat, pat: '${config:PAT}'}}"),
    (Kind.CONNECTION, "{name: one, type: azure_open_ai, auth_mode: key, api_base: https://example.com,"
     " api_key: '${config:KEY}', api_type: azure, api_version: '2024-02-01'}"),
    (Kind.ACCESS, "{grants: [{identity: chat, role: AcrPull, scope: registry}], replace: true}"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text"), WRITTEN)
def test_a_file_is_dumped_as_it_was_written(kind: Kind, text: str) -> None:
    data = yaml.safe_load(text)
    spec = read(kind, data)

    found = dump(spec, FOLDER)

    assert found == data
    assert validator(kind).is_valid(to_json(parse_documents(yaml.safe_dump(found), "f.yaml")[0]))
