from __future__ import annotations

from pathlib import PurePath

import pytest

from sluice.spec.kinds import Kind, detect
from sluice.spec.parse import parse_documents

AZURE = "https://azuremlschemas.azureedge.net/latest/"


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
        (AZURE + "Flow.schema.json", None),
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
        ("name: x\nnodes: []", "flow.dag.yaml", None),
        ("services: {a: {image: b}}", "docker-compose.yaml", None),
        ("name: x\nruntime: python", "Pulumi.yaml", None),
        ("[a]", "endpoint.yaml", None),
    ],
)
def test_by_structure_and_name(text: str, path: str, kind: Kind | None) -> None:
    assert detect(parse_documents(text, path)[0], PurePath(path)) is kind
