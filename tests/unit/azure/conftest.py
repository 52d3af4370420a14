"""Stacks in a temporary folder, read by the real loader, and planned for Azure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pytest

from sluice.plan.azure import plan_azure
from sluice.plan.azure_site import Site
from sluice.plan.graph import Graph
from sluice.plan.local import Goal
from sluice.spec.frozen import frozen_map
from sluice.spec.load import check, load_specs
from sluice.targets.azure.written import read_written

Files = Mapping[str, str]
Planner = Callable[..., Graph]

GROUP = "/subscriptions/sub/resourceGroups/group"
SITE = Site(
    "sub",
    "group",
    "space",
    "westeurope",
    registry=f"{GROUP}/providers/Microsoft.ContainerRegistry/registries/images",
    storage=f"{GROUP}/providers/Microsoft.Storage/storageAccounts/blobs",
)

FLOW = """
inputs: {question: {type: string}}
outputs: {answer: {type: string, reference: "${ask.output}"}}
nodes:
- name: ask
  type: python
  source: {type: code, path: ask.py}
  inputs: {question: "${inputs.question}", connection: chat-model}
"""
TOOL = """
from promptflow.core import tool
from promptflow.connections import AzureOpenAIConnection

@tool
def ask(question: str, connection: AzureOpenAIConnection) -> str:
    return question
"""
ENDPOINT = """
$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineEndpoint.schema.json
name: answers
auth_mode: key
properties: {enforce_access_to_default_secret_stores: enabled}
traffic: {blue: 100}
"""
USER_ASSIGNED = """
$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineEndpoint.schema.json
name: answers
identity: {type: user_assigned, user_assigned_identities: [{resource_id: reader}]}
"""
DEPLOYMENT = """
$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json
name: blue
endpoint_name: answers
model: azureml:chat:1
environment:
  image: mcr.microsoft.com/azureml/promptflow/promptflow-runtime:latest
  inference_config:
    liveness_route: {path: /health, port: 8080}
    readiness_route: {path: /health, port: 8080}
    scoring_route: {path: /score, port: 8080}
instance_type: Standard_DS3_v2
instance_count: 1
environment_variables: {TOKEN: "${config:token}"}
"""
MODEL = """
$schema: https://azuremlschemas.azureedge.net/latest/model.schema.json
name: chat
version: 1
path: ../flows/chat
"""
CONNECTION = """
$schema: https://azuremlschemas.azureedge.net/latest/workspaceConnection.schema.json
name: chat-model
type: azure_open_ai
azure_endpoint: https://a.openai.azure.com/
api_key: ${env:KEY}
api_version: "2024-02-01"
open_ai_resource_id: /subscriptions/sub/resourceGroups/ai/providers/Microsoft.CognitiveServices/accounts/a
"""
STACK: Files = frozen_map({
    "endpoints/answers/endpoint.yaml": ENDPOINT,
    "endpoints/answers/blue.yaml": DEPLOYMENT,
    "models/chat.yaml": MODEL,
    "connections/chat-model.yaml": CONNECTION,
    "flows/chat/flow.dag.yaml": FLOW,
    "flows/chat/ask.py": TOOL,
})  # fmt: skip


@pytest.fixture
def stack() -> Files:
    """The files of a stack: a flow behind an endpoint, and the connection it reads."""
    return STACK


@pytest.fixture
def plan(tmp_path: Path) -> Planner:
    """Plan a stack of files; `site` and `goals` as `plan_azure` takes them."""

    return partial(plan_files, tmp_path)


def plan_files(folder: Path, files: Files, site: Site = SITE, goals: Mapping[str, Goal] | None = None) -> Graph:
    """Write the files of a stack, load and check them, and plan."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    specs = load_specs(folder)
    check(specs)
    wished = {"answers": Goal(frozen_map({"blue": 100}))} if goals is None else goals
    return plan_azure(specs, wished, site, read_written(specs))
