from __future__ import annotations

import json
from pathlib import PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.spec.kind_signs import KEYS, TYPES
from sluice.spec.kinds import Kind, claims, detect, out_of_scope, unknown_address, what_was_looked_for
from sluice.spec.nodes import Node
from sluice.spec.parse import parse_documents

AZURE = "https://azuremlschemas.azureedge.net/latest/"
PROMPT_FLOW = "https://azuremlschemas.azureedge.net/promptflow/latest/"


def read(text: str) -> Node:
    return parse_documents(text, "f.yaml")[0]


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        (AZURE + "managedOnlineEndpoint.schema.json", Kind.ENDPOINT),
        (AZURE + "kubernetesOnlineEndpoint.schema.json", Kind.ENDPOINT),
        (AZURE + "managedOnlineDeployment.schema.json", Kind.DEPLOYMENT),
        (AZURE + "kubernetesOnlineDeployment.schema.json", Kind.DEPLOYMENT),
        (AZURE + "model.schema.json", Kind.MODEL),
        (AZURE + "environment.schema.json", Kind.ENVIRONMENT),
        (AZURE + "workspaceConnection.schema.json", Kind.CONNECTION),
        ("https://azuremlschemas.azureedge.net/promptflow/latest/CustomConnection.schema.json", Kind.CONNECTION),
        ("../../schemas/endpoint.schema.json", Kind.ENDPOINT),
        ("urn:sluice:schema:access", Kind.ACCESS),
        (AZURE + "batchEndpoint.schema.json", None),
        (AZURE + "batchDeployment.schema.json", None),
        (AZURE + "commandJob.schema.json", None),
        (AZURE + "data.schema.json", None),
        (AZURE + "workspace.schema.json", Kind.WORKSPACE),
        (PROMPT_FLOW + "Flow.schema.json", Kind.FLOW),
        (PROMPT_FLOW + "Run.schema.json", Kind.RUN),
        ("http://azureml/sdk-2-0/OnlineDeployment.json", Kind.DEPLOYMENT),
        ("../schemas/flex-flow.schema.json", Kind.FLEX_FLOW),
        ("../schemas/config.schema.json#", Kind.CONFIG),
        ("../../schemas/rollout.schema.json", Kind.ROLLOUT),
    ],
)
def test_by_address(address: str, kind: Kind | None) -> None:
    node = parse_documents(f"$schema: {address}\nname: x\nauth_mode: key\n", "f")[0]

    assert detect(node, PurePath("f.yaml")) is kind


@pytest.mark.parametrize(
    ("text", "path", "kind"),
    [
        ("name: x\nauth_mode: key", "f.yaml", Kind.ENDPOINT),
        ("name: x\ntraffic: {}", "f.yaml", Kind.ENDPOINT),
        ("name: x", "endpoint.yaml", Kind.ENDPOINT),
        ("name: x", "batch-endpoint.yaml", None),
        ("name: x", "f.yaml", None),
        ("name: x\nendpoint_name: y", "f.yaml", Kind.DEPLOYMENT),
        ("name: x\nendpoint_namme: y\nmodel: m\ninstance_type: s", "f.yaml", Kind.DEPLOYMENT),
        ("name: x\nendpoint_name: y\ncompute: c", "f.yaml", None),
        ("name: x\npath: p", "f.yaml", Kind.MODEL),
        ("name: x\npath: p\ntype: uri_folder", "f.yaml", None),
        ("path: p\ntype: mlflow_model", "f.yaml", Kind.MODEL),
        ("name: x\nimage: i", "f.yaml", Kind.ENVIRONMENT),
        ("name: x\ntype: open_ai\napi_key: k", "f.yaml", Kind.CONNECTION),
        ("name: x\ntype: open_ai\napi_kee: k", "connections/f.yaml", Kind.CONNECTION),
        ("grants: []", "access.yaml", Kind.ACCESS),
        ("name: x\ncompute: azureml:c", "f.yaml", Kind.ENDPOINT),
        ("name: x\nnodes: []", "f.yaml", Kind.FLOW),
        ("inptus: {}", "flow.dag.yaml", Kind.FLOW),
        ("entry: a:b", "flow.dag.yaml", Kind.FLEX_FLOW),
        ("entri: a:b", "flow.flex.yaml", Kind.FLEX_FLOW),
        ("$schema: Flow.schema.json\nentry: a:b", "f.yaml", Kind.FLEX_FLOW),
        ("$schema: Flow.schema.json\npath: a\ntype: evaluate", "f.meta.yaml", None),
        ("flow: .\ndata: a.jsonl", "f.yaml", Kind.RUN),
        ("flow: .\ncolumn_maping: {}", "f.yaml", Kind.RUN),
        ("identity: {type: 'system_assigned, user_assigned'}", "f.yaml", Kind.WORKSPACE),
        ("identity: {type: system_assigned}", "workspace-update.yaml", Kind.WORKSPACE),
        ("identity: {type: system_assigned}\nname: x", "f.yaml", Kind.ENDPOINT),
        ("config: {'sluice:target': local}", "f.yaml", Kind.CONFIG),
        ("encryptionsalt: v1", "f.yaml", Kind.CONFIG),
        ("config: {}", "Pulumi.dev.yaml", Kind.CONFIG),
        ("target: local", "stacks/dev/stack.yaml", Kind.STACK),
        ("name: x\ninstance_tpe: a\nmodle: b", "f.yaml", Kind.DEPLOYMENT),
        ("endpoint_name: x\nsteps: []", "f.yaml", Kind.ROLLOUT),
        ("endpoint_name: x\nstpes: []", "rollout.yaml", Kind.ROLLOUT),
        ("endpoint_name: x\ndeadline: 1h", "stacks/prod/f.yaml", Kind.ROLLOUT),
        ("endpoint_name: x\nfast_track: 7d", "f.yaml", Kind.ROLLOUT),
        ("apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nspec: {}", "rollout.yaml", None),
        ("steps: [{script: make}]\ntrigger: [main]", "f.yaml", None),
        ("services: {a: {image: b}}", "docker-compose.yaml", None),
        ("name: x\nruntime: python", "Pulumi.yaml", None),
        ("[a]", "endpoint.yaml", None),
    ],
)
def test_by_structure_and_name(text: str, path: str, kind: Kind | None) -> None:
    assert detect(parse_documents(text, path)[0], PurePath(path)) is kind


@pytest.mark.parametrize(
    ("text", "path", "name"),
    [
        (f"$schema: {AZURE}batchEndpoint.schema.json\nname: x", "f.yaml", "batch endpoint"),
        ("name: x\ndefaults: {deployment_name: y}", "f.yaml", "batch endpoint"),
        (f"$schema: {AZURE}modelBatchDeployment.schema.json\nname: x", "f.yaml", "batch deployment"),
        ("name: x\nendpoint_name: y\nmini_batch_size: 1", "f.yaml", "batch deployment"),
        (f"$schema: {AZURE}commandJob.schema.json\ncommand: x", "f.yaml", "job"),
        ("command: x\nexperiment_name: y", "f.yaml", "job"),
        (f"$schema: {AZURE}commandComponent.schema.json\nname: x", "f.yaml", "component"),
        ("name: x\npath: p\ntype: uri_folder", "f.yaml", "data asset"),
        ("name: x\ntype: amlcompute", "f.yaml", "compute"),
        ("name: x\ntype: azure_file", "f.yaml", "datastore"),
        ("name: x\npath: flow.dag.yaml", "flow.meta.yaml", "flow metadata"),
        ("services: {a: {image: b}}", "docker-compose.yaml", "Docker Compose file"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: x}", "f.yaml", "Kubernetes manifest"),
        ("name: x\n'on': push\njobs: {}", ".github/workflows/f.yaml", "GitHub workflow"),
        ("name: x\nchannels: [a]\ndependencies: [b]", "environment.yaml", "conda file"),
        ("artifact_path: model\nflavors: {}", "MLmodel", "MLflow model file"),
        ("name: x\nruntime: python", "Pulumi.yaml", "Pulumi project"),
        ("name: x\nauth_mode: key", "f.yaml", None),
        ("a: b", "f.yaml", None),
        ("[a]", "batch-endpoint.yaml", None),
    ],
)
def test_out_of_scope(text: str, path: str, name: str | None) -> None:
    assert out_of_scope(read(text), PurePath(path)) == name
    assert name is None or detect(read(text), PurePath(path)) is None


@pytest.mark.parametrize(
    ("address", "found"),
    [
        (AZURE + "managedOnlineEndpiont.schema.json", "managedOnlineEndpoint"),
        (AZURE + "managedOnlineDeploment.schema.json", "managedOnlineDeployment"),
        ("https://example.com/quite-different.json", None),
    ],
)
def test_an_address_that_names_nothing_known(address: str, found: str | None) -> None:
    node = read(f"$schema: {address}\nname: x\nauth_mode: key")

    assert unknown_address(node) == (address, found)
    assert detect(node, PurePath("f.yaml")) is Kind.ENDPOINT


@pytest.mark.parametrize("address", [AZURE + "model.schema.json", AZURE + "sweepJob.schema.json", "Run.schema.json"])
def test_a_known_address(address: str) -> None:
    assert unknown_address(read(f"$schema: {address}")) is None
    assert unknown_address(read("name: x")) is None


def test_one_address_may_mean_both_sorts_of_flow() -> None:
    assert claims(read(f"$schema: {PROMPT_FLOW}Flow.schema.json")) is None
    assert claims(read(f"$schema: {PROMPT_FLOW}Run.schema.json")) == Kind.RUN
    assert claims(read(f"$schema: {AZURE}batchEndpoint.schema.json")) == "batch endpoint"
    assert claims(read("name: x")) is None


def test_every_kind_is_told_by_a_key_and_named_in_the_message() -> None:
    told = {sort for votes in (*KEYS.values(), *TYPES.values()) for sort in votes}

    assert set(Kind) <= told
    assert all(f"({kind})" in what_was_looked_for() for kind in Kind)


WORDS = st.text("abyz-_.", min_size=1, max_size=8)
VALUES: st.SearchStrategy[object] = (
    st.none() | st.integers() | WORDS | st.just({}) | st.just({"type": "a, b", "x:y": [1]})
)


@given(
    st.dictionaries(st.sampled_from([*KEYS, "$schema", "type", "credentials"]) | WORDS, VALUES),
    st.sampled_from(["endpoint.yaml", "flow.dag.yaml", "a/b", "", "Pulumi.x.yaml"]),
)
def test_any_mapping_is_one_of_ours_or_foreign_or_unknown(content: dict[str, object], name: str) -> None:
    node, path = read(json.dumps(content)), PurePath(name)

    assert detect(node, path) is None or out_of_scope(node, path) is None


@given(st.sampled_from(list(Kind)), st.dictionaries(WORDS, VALUES))
def test_an_address_outweighs_everything(kind: Kind, content: dict[str, object]) -> None:
    node = read(json.dumps(content | {"$schema": f"{kind}.schema.json"}))

    # Prompt flow has one address for both sorts of flow, and for their metadata.
    expected = {Kind.FLOW, Kind.FLEX_FLOW, None} if kind is Kind.FLOW else {kind}
    assert detect(node, PurePath("f.yaml")) in expected
