"""What this machine can't do, or nobody may: refused before anything is made, with reason and place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sluice.errors import AccessDenied, Mark, SluiceError, SpecError, Unsupported
from sluice.plan.access import ENFORCE, SECRETS_READER
from sluice.plan.local import Goal, plan_local
from sluice.spec.frozen import frozen_map
from sluice.spec.models import (
    Access,
    AuthMode,
    CodeConfiguration,
    Connection,
    Deployment,
    Endpoint,
    Environment,
    Flow,
    FlowConnectionUse,
    Grant,
    Identity,
    IdentityType,
    Model,
    ModelContent,
    ScaleSettings,
    SpecSet,
)
from sluice.spec.terms import AssetReference

ENDPOINT_AT = Mark("endpoints/qa/endpoint.yaml", 1, 1)
AT = Mark("endpoints/qa/blue.yaml", 3, 1)
REFERENCE_AT = Mark("endpoints/qa/blue.yaml", 7, 8)
FLOW = Model(AT, path=Path("flow"), content=ModelContent("1" * 64, frozen_map(), Flow(Path("flow.dag.yaml"))))
READING = Flow(Path("flow.dag.yaml"), (FlowConnectionUse("chat", "answer"),))
READER = Model(AT, path=Path("flow"), content=ModelContent("2" * 64, frozen_map(), READING))
CHAT = Connection("chat", "open_ai", AT)


def stack(endpoint: dict[str, Any] | None = None, deployment: dict[str, Any] | None = None, **specs: Any) -> SpecSet:
    one = Endpoint("qa", ENDPOINT_AT, **(endpoint or {}))
    blue = Deployment("blue", "qa", AT, **({"model": FLOW} | (deployment or {})))
    return SpecSet(Path("/project"), frozen_map({"qa": one}), (blue,), **specs)


def refused(specs: SpecSet, kind: type[SluiceError]) -> SluiceError:
    with pytest.raises(kind) as caught:
        plan_local(specs, {"qa": Goal()}, {})
    assert caught.value.remedy
    return caught.value


def test_a_stack_without_fault_is_planned() -> None:
    assert len(plan_local(stack(), {}, {}).resources) == 6


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"compute": "azureml:cluster"}, "compute azureml:cluster"),
        ({"auth_mode": AuthMode.AAD_TOKEN}, "auth_mode aad_token needs Microsoft Entra ID"),
        ({"public_network_access": "disabled"}, "public_network_access: disabled needs a private network"),
    ],
)
def test_an_endpoint_that_only_azure_has(fields: dict[str, Any], said: str) -> None:
    error = refused(stack(endpoint=fields), Unsupported)
    assert said in error.message
    assert error.at == ENDPOINT_AT
    assert "target: azure" in error.remedy


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"type": "kubernetes"}, "type: kubernetes needs a cluster"),
        ({"scale_settings": ScaleSettings("target_utilization")}, "target_utilization needs an autoscaler"),
        ({"egress_public_network_access": "disabled"}, "needs a private network"),
    ],
)
def test_a_deployment_that_only_azure_has(fields: dict[str, Any], said: str) -> None:
    error = refused(stack(deployment=fields), Unsupported)
    assert said in error.message
    assert error.message.startswith("deployment blue: ")
    assert error.at == AT


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"compute": "azureml:cluster"}, "compute"),
        ({"auth_mode": AuthMode.AAD_TOKEN}, "auth_mode"),
        ({"public_network_access": "disabled"}, "public_network_access"),
    ],
)
def test_a_refusal_of_an_endpoint_stands_at_its_key(fields: dict[str, Any], key: str) -> None:
    at = Mark("endpoints/qa/endpoint.yaml", 7, 1)
    assert refused(stack(endpoint=fields | {"marks": frozen_map({key: at})}), Unsupported).at == at


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"type": "kubernetes"}, "type"),
        ({"scale_settings": ScaleSettings("target_utilization")}, "scale_settings.type"),
        ({"egress_public_network_access": "disabled"}, "egress_public_network_access"),
    ],
)
def test_a_refusal_of_a_deployment_stands_at_its_key(fields: dict[str, Any], key: str) -> None:
    at = Mark("endpoints/qa/blue.yaml", 9, 3)
    assert refused(stack(deployment=fields | {"marks": frozen_map({key: at})}), Unsupported).at == at


def test_a_connection_is_refused_where_the_model_that_reads_it_is_named() -> None:
    at = Mark("endpoints/qa/blue.yaml", 5, 1)
    deployment = {"model": READER, "marks": frozen_map({"model": at})}
    assert refused(stack(deployment=deployment), SpecError).at == at
    assert refused(stack(deployment=deployment, connections=frozen_map({"chat": CHAT})), AccessDenied).at == at


def test_a_model_that_nothing_says_how_to_serve() -> None:
    bare = Model(AT, path=Path("files"), content=ModelContent("1" * 64, frozen_map()))
    error = refused(stack(deployment={"model": bare}), Unsupported)
    assert "nothing says how to serve its model" in error.message
    assert "code_configuration" in error.remedy
    assert error.at == AT


def test_a_model_without_local_files() -> None:
    remote = Model(AT, name="far", version="1", remote_path="azureml://datastores/x", type="mlflow_model")
    assert "model far has no local files" in refused(stack(deployment={"model": remote}), Unsupported).message


@pytest.mark.parametrize("kind", ["model", "environment"])
@pytest.mark.parametrize(
    "reference",
    [
        AssetReference("azureml:gone:1", "gone", "1", at=REFERENCE_AT),
        AssetReference("azureml:iris:3", "iris", "3", at=REFERENCE_AT),
        AssetReference("azureml:iris@newest", "iris", label="newest", at=REFERENCE_AT),
        AssetReference("azureml://registries/r/models/iris/versions/1", "iris", "1", at=REFERENCE_AT),
    ],
    ids=lambda reference: reference.text,
)
def test_a_reference_to_what_no_specification_defines(kind: str, reference: AssetReference) -> None:
    known: dict[str, Any] = {
        "models": frozen_map({("iris", version): FLOW for version in "12"}),
        "environments": frozen_map({("iris", version): Environment(AT) for version in "12"}),
    }
    error = refused(stack(deployment={kind: reference}, **known), SpecError)
    assert f"{kind} {reference.text} is in no specification; found: iris:1, iris:2" in error.message
    assert error.at == REFERENCE_AT


def test_the_latest_version_is_the_highest_number() -> None:
    versions = {
        ("iris", version): Model(AT, "iris", version, path=Path("flow"), content=FLOW.content)
        for version in ("2", "10", "9")
    }
    latest = AssetReference("azureml:iris@latest", "iris", label="latest")
    graph = plan_local(stack(deployment={"model": latest}, models=frozen_map(versions)), {}, {})
    assert [one.name for one in graph.of("Model")] == ["iris@10"]


def test_a_connection_that_no_specification_defines() -> None:
    other = Connection("search", "open_ai", AT)
    specs = stack(deployment={"model": READER}, connections=frozen_map({"search": other}))
    error = refused(specs, SpecError)
    assert "reads connection chat, which no specification defines; found: search" in error.message
    assert "connections/chat.yaml" in error.remedy
    assert error.at == AT


@pytest.mark.parametrize(
    ("endpoint", "access", "who"),
    [
        ({}, (), "qa"),
        ({"identity": Identity(IdentityType.NONE)}, (), "(none)"),
        ({"properties": frozen_map({ENFORCE: "disabled"})}, (), "qa"),
        ({"properties": frozen_map({ENFORCE: "enabled"})}, (Access(AT, replace=True),), "qa"),
        ({}, (Access(AT, (Grant("qa", SECRETS_READER, "connection/other", AT),)),), "qa"),
        ({}, (Access(AT, (Grant("qa", "AcrPull", "workspace", AT),)),), "qa"),
        ({}, (Access(AT, (Grant("other", SECRETS_READER, "workspace", AT),)),), "qa"),
        (
            {"identity": Identity(IdentityType.USER_ASSIGNED, ("/ids/first", "/ids/second"))},
            (Access(AT, (Grant("second", SECRETS_READER, "workspace", AT),), replace=True),),
            "first",
        ),
    ],
)
def test_a_connection_that_the_endpoints_identity_may_not_read(
    endpoint: dict[str, Any], access: tuple[Access, ...], who: str
) -> None:
    specs = stack(endpoint, {"model": READER}, connections=frozen_map({"chat": CHAT}), access=access)
    error = refused(specs, AccessDenied)
    assert f"identity {who} lacks role '{SECRETS_READER}' at scope workspace" in error.message
    assert "reads connection chat" in error.message
    assert ENFORCE in error.remedy
    assert error.at == AT


@pytest.mark.parametrize(
    ("endpoint", "access"),
    [
        ({"properties": frozen_map({ENFORCE: "enabled"})}, ()),
        ({"identity": Identity(IdentityType.USER_ASSIGNED, ("/ids/first",))}, ()),
        ({}, (Access(AT, (Grant("qa", SECRETS_READER, "connection/chat", AT),)),)),
        ({}, (Access(AT, (Grant("qa", SECRETS_READER, "workspace", AT),), replace=True),)),
    ],
)
def test_a_connection_that_it_may_read(endpoint: dict[str, Any], access: tuple[Access, ...]) -> None:
    specs = stack(endpoint, {"model": READER}, connections=frozen_map({"chat": CHAT}), access=access)
    [deployment] = plan_local(specs, {}, {}).of("Deployment")
    assert deployment.properties["connections"] == {"chat": "chat"}


@pytest.mark.parametrize(
    ("model", "code", "kind", "at_once"),
    [
        (FLOW, None, "flow", 10),
        (FLOW, CodeConfiguration(Path("code"), "score.py"), "flow", 10),
        (None, CodeConfiguration(Path("code"), "score.py"), "scoring_script", 1),
        (
            Model(AT, path=Path("m"), type="mlflow_model", content=ModelContent("3" * 64, frozen_map())),
            None,
            "mlflow",
            1,
        ),
        (
            Model(AT, path=Path("m"), content=ModelContent("3" * 64, frozen_map({"MLmodel": Path("x")}))),
            None,
            "mlflow",
            1,
        ),
    ],
)
def test_the_server_and_how_much_it_does_at_once(
    model: Model | None, code: CodeConfiguration | None, kind: str, at_once: int
) -> None:
    [deployment] = plan_local(stack(deployment={"model": model, "code_configuration": code}), {}, {}).of("Deployment")
    assert deployment.properties["server"] == kind
    assert deployment.properties["maxConcurrentRequests"] == at_once
