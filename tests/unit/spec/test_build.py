from __future__ import annotations

from pathlib import Path

import pytest

from sluice.errors import Mark
from sluice.spec.build import build_deployment, build_endpoint
from sluice.spec.build_assets import build_environment, build_model
from sluice.spec.kinds import Kind
from sluice.spec.models import (
    AuthMode,
    Build,
    Environment,
    Identity,
    IdentityType,
    Model,
    Probe,
    RequestSettings,
    Route,
    where,
)
from sluice.spec.nodes import Node
from sluice.spec.parse import parse_documents
from sluice.spec.references import asset_reference, secret_or_literal, secret_reference, secret_reference_fault
from sluice.spec.requirements import pip_requirement
from sluice.spec.schema import normalised, top
from sluice.spec.terms import AssetReference, SecretReference, SecretScheme

AT = Mark("f.yaml")


def read(kind: Kind, text: str, name: str = "endpoints/f.yaml") -> Node:
    return normalised(parse_documents(text, name)[0], top(kind))


def test_an_endpoint_with_nothing_said() -> None:
    found = build_endpoint(read(Kind.ENDPOINT, "name: chat"))

    assert found.auth_mode is AuthMode.KEY
    assert found.identity == Identity()
    assert found.traffic is None
    assert found.mirror_traffic == {}


def test_an_endpoint_with_everything_said() -> None:
    text = """
name: chat
auth_mode: AADToken
identity: {type: user_assigned, user_assigned_identities: [{resource_id: /subscriptions/a}]}
traffic: {blue: "90", green: 10.0}
mirror_traffic: {red: 5}
tags: {answer: no, count: 3}
"""
    found = build_endpoint(read(Kind.ENDPOINT, text))

    assert found.auth_mode is AuthMode.AAD_TOKEN
    assert found.identity == Identity(IdentityType.USER_ASSIGNED, ("/subscriptions/a",))
    assert found.traffic == {"blue": 90, "green": 10}
    assert found.mirror_traffic == {"red": 5}
    assert found.tags == {"answer": "False", "count": "3"}
    assert found.at == Mark("endpoints/f.yaml", 2, 1)


def test_a_deployment(tmp_path: Path) -> None:
    text = """
name: blue
endpoint_name: chat
model: azureml:m:1
environment: {image: "i:1"}
code_configuration: {code: ../src, scoring_script: score.py}
instance_count: "2"
request_settings: {request_timeout_ms: 90000}
readiness_probe: {period: 3}
environment_variables: {A: 1, B: "${env:X}", C: "a${env:X}"}
"""
    found = build_deployment(read(Kind.DEPLOYMENT, text), tmp_path)

    assert isinstance(found.model, AssetReference)
    assert (found.model.name, found.model.version) == ("m", "1")
    assert isinstance(found.environment, Environment)
    assert found.environment.image == "i:1"
    assert found.environment.name is None
    assert found.code_configuration is not None
    assert found.code_configuration.code == tmp_path / "src"
    assert found.instance_count == 2
    assert found.request_settings == RequestSettings(90000)
    assert found.readiness_probe == Probe(period=3)
    assert found.liveness_probe == Probe()
    assert found.environment_variables == {
        "A": "1",
        "B": SecretReference(SecretScheme.ENV, "X"),
        "C": "a${env:X}",
    }


@pytest.mark.parametrize(
    ("path", "local", "remote"),
    [
        ("../model", "model", None),
        ("./m.pkl", "endpoints/m.pkl", None),
        ("azureml://jobs/a/outputs/b", None, "azureml://jobs/a/outputs/b"),
        ("runs:/a/model", None, "runs:/a/model"),
        ("https://example.com/m", None, "https://example.com/m"),
    ],
)
def test_model_paths(tmp_path: Path, path: str, local: str | None, remote: str | None) -> None:
    found = build_model(read(Kind.MODEL, f"name: m\npath: {path}"), tmp_path)

    assert found.path == (tmp_path / local if local else None)
    assert found.remote_path == remote


@pytest.mark.parametrize(("text", "version"), [("version: 3", "3"), ("version: '1.10'", "1.10"), ("", "1")])
def test_versions(tmp_path: Path, text: str, version: str) -> None:
    found = build_model(read(Kind.MODEL, f"name: m\npath: p\n{text}"), tmp_path)

    assert found.version == version


def test_an_inline_model_has_no_name_of_its_own(tmp_path: Path) -> None:
    found = build_deployment(read(Kind.DEPLOYMENT, "name: b\nendpoint_name: e\nmodel: {path: m}"), tmp_path)

    assert isinstance(found.model, Model)
    assert (found.model.name, found.model.version) == (None, None)


def test_requirements_of_a_conda_file(tmp_path: Path) -> None:
    (tmp_path / "envs").mkdir()
    (tmp_path / "envs" / "more.txt").write_text("scipy\n# a comment\nnumpy==1.26.4  # pinned\n-r more.txt\n")
    (tmp_path / "envs" / "conda.yaml").write_text(
        "channels: [conda-forge]\n"
        "dependencies: [python=3.10.2, pip, conda-forge::numpy=1.26, 'pandas>=2', pip: [-r more.txt, promptflow]]\n"
    )
    text = "name: e\nimage: i\nconda_file: conda.yaml"

    found = build_environment(read(Kind.ENVIRONMENT, text, "envs/e.yaml"), tmp_path)

    assert found.requirements == ("numpy==1.26.*", "pandas>=2", "scipy", "numpy==1.26.4", "promptflow")
    assert found.python_version == "3.10.2"
    assert found.pip_source == found.conda_file == tmp_path / "envs" / "conda.yaml"


def test_requirements_of_a_build_folder(tmp_path: Path) -> None:
    (tmp_path / "ctx").mkdir()
    (tmp_path / "ctx" / "requirements.txt").write_text("promptflow \\\n  ==1.18\n\nnumpy\n")

    found = build_environment(read(Kind.ENVIRONMENT, "name: e\nbuild: {path: ctx}", "e.yaml"), tmp_path)

    assert found.build == Build(tmp_path / "ctx")
    assert found.requirements == ("promptflow    ==1.18", "numpy")
    assert found.pip_source == tmp_path / "ctx" / "requirements.txt"


def test_a_conda_specification_written_in_place(tmp_path: Path) -> None:
    text = "name: e\nimage: i\nconda_file: {dependencies: [python=3.11, pip: [numpy]]}"

    found = build_environment(read(Kind.ENVIRONMENT, text, "e.yaml"), tmp_path)

    assert (found.requirements, found.python_version, found.conda_file) == (("numpy",), "3.11", None)


def test_inference_routes(tmp_path: Path) -> None:
    text = """
name: e
image: i
inference_config:
  liveness_route: {path: /health, port: 8080}
  readiness_route: {path: /ready, port: 8080}
  scoring_route: {path: /score, port: "8081"}
"""
    found = build_environment(read(Kind.ENVIRONMENT, text), tmp_path).inference_config

    assert found is not None
    assert found.readiness_route == Route("/ready", 8080)
    assert found.scoring_route == Route("/score", 8081)


@pytest.mark.parametrize(
    ("spec", "line"),
    [
        ("numpy", "numpy"),
        ("numpy=1.26", "numpy==1.26.*"),
        ("numpy==1.26.4", "numpy==1.26.4"),
        ("numpy=1.26.4=py310_0", "numpy==1.26.4.*"),
        ("numpy=1.26.*", "numpy==1.26.*"),
        ("numpy >=1.20,<2", "numpy>=1.20,<2"),
        ("conda-forge::scikit-learn=1.4", "scikit-learn==1.4.*"),
        ("python=3.10", None),
        ("pip", None),
    ],
)
def test_conda_packages_as_pip_requirements(spec: str, line: str | None) -> None:
    assert pip_requirement(spec) == line


@pytest.mark.parametrize(
    ("text", "name", "version", "label"),
    [
        ("azureml:m:1", "m", "1", None),
        ("azureml:m@latest", "m", None, "latest"),
        ("azureml://registries/r/models/m/versions/2", "m", "2", None),
        ("azureml://registries/r/environments/e/labels/latest", "e", None, "latest"),
        ("/subscriptions/s/resourceGroups/g/x/workspaces/w/models/m/versions/3", "m", "3", None),
        ("azureml:/subscriptions/s/models/m/versions/3", "m", "3", None),
    ],
)
def test_asset_references(text: str, name: str, version: str | None, label: str | None) -> None:
    assert asset_reference(text, AT) == AssetReference(text, name, version, label)


@pytest.mark.parametrize(
    ("text", "scheme", "name"),
    [
        ("${config:KEY}", SecretScheme.CONFIG, "KEY"),
        ("${env:KEY_1}", SecretScheme.ENV, "KEY_1"),
        ("${keyvault:my-vault/key}", SecretScheme.KEYVAULT, "my-vault/key"),
        ("plain", SecretScheme.LITERAL, "plain"),
        ("x${env:KEY}", SecretScheme.LITERAL, "x${env:KEY}"),
    ],
)
def test_secret_references(text: str, scheme: SecretScheme, name: str) -> None:
    found = secret_or_literal(text, AT)

    assert (found.scheme, found.name) == (scheme, name)
    assert name not in repr(found)


@pytest.mark.parametrize("text", ["${vault:x}", "${keyvault:x}", "${env:}", "${config:a b}"])
def test_broken_secret_references(text: str) -> None:
    assert secret_reference_fault(text)
    assert secret_reference(text, AT) is None


def test_a_specification_knows_where_its_keys_stand() -> None:
    text = "name: blue\nrequest_settings:\n  request_timeout_ms: 1\nproperties: {a.b: c}\nmodel: {path: x}\n"
    found = build_deployment(read(Kind.DEPLOYMENT, text), Path("/p"))

    assert where(found, "request_settings.request_timeout_ms") == Mark("endpoints/f.yaml", 3, 3)
    assert where(found, "properties.a.b") == Mark("endpoints/f.yaml", 4, 14)
    assert where(found, "instance_type") == found.at
    assert isinstance(found.model, Model)
    assert where(found.model, "path") == Mark("endpoints/f.yaml", 5, 9)
