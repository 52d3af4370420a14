"""A plan's resources as pulumi-azure-native takes them."""

from __future__ import annotations

from collections.abc import Callable

from tests.unit.azure.conftest import GROUP, USER_ASSIGNED, Files

from sluice.plan.azure_native import TOKENS, NativeResource, native
from sluice.plan.graph import Graph

Planner = Callable[..., Graph]


def natives(graph: Graph) -> dict[str, NativeResource]:
    return {one.key: made for one in graph.resources if (made := native(one))}


def test_every_arm_resource_of_a_graph_has_a_token(plan: Planner, stack: Files) -> None:
    graph = plan({**stack, "endpoints/answers/endpoint.yaml": USER_ASSIGNED})
    ours = {"Upload", "Traffic"}
    assert {one.type for one in graph.resources} - ours <= TOKENS.keys()
    assert not {one.type for one in graph.resources if native(one) is None} - ours


def test_the_names_of_an_id_are_inputs(plan: Planner, stack: Files) -> None:
    made = natives(plan(stack))
    blue = made["OnlineDeployment:answers/blue"]
    names = ("resourceGroupName", "workspaceName", "endpointName", "deploymentName")
    assert [blue.inputs[name] for name in names] == ["group", "space", "answers", "blue"]
    version = made["ModelVersion:chat@1"]
    assert [version.inputs[name] for name in ("workspaceName", "name", "version")] == ["space", "chat", "1"]


def test_weights_of_an_endpoint_are_left_alone(plan: Planner, stack: Files) -> None:
    endpoint = natives(plan(stack))["OnlineEndpoint:answers"]
    assert endpoint.ignored == ("properties.traffic", "properties.mirrorTraffic")


def test_identities_are_listed_and_roles_are_flat(plan: Planner, stack: Files) -> None:
    made = natives(plan({**stack, "endpoints/answers/endpoint.yaml": USER_ASSIGNED}))
    reader = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/reader"
    assert made["OnlineEndpoint:answers"].inputs["identity"]["userAssignedIdentities"] == [reader]
    role = next(one for key, one in made.items() if key.endswith("AcrPull/registry"))
    assert role.inputs["scope"] == f"{GROUP}/providers/Microsoft.ContainerRegistry/registries/images"
    assert {"principalId", "principalType", "roleDefinitionId", "roleAssignmentName"} <= role.inputs.keys()
    assert "properties" not in role.inputs
    assert made["UserAssignedIdentity:reader"].inputs["resourceName"] == "reader"


def test_versions_stay_for_a_rollback(plan: Planner, stack: Files) -> None:
    made = natives(plan(stack))
    kept = {one.token.rpartition(":")[2] for one in made.values() if one.retained}
    assert kept == {"ModelContainer", "ModelVersion", "EnvironmentVersion"}
