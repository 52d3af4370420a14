"""What holds for the graph of a stack on Azure: its order, what it hides, and that the same plans the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.azure.conftest import CONNECTION, DEPLOYMENT, ENDPOINT, GROUP, SITE, USER_ASSIGNED, Files

from sluice.errors import AccessDenied, SpecError
from sluice.plan.azure_roles import ROLE_IDS
from sluice.plan.graph import Graph, Output, Resource
from sluice.spec.terms import SecretReference

Planner = Callable[..., Graph]


def by_key(graph: Graph) -> dict[str, Resource]:
    return {one.key: one for one in graph.resources}


def content(one: Resource) -> Any:
    return one.properties["body"]


def body(graph: Graph, key: str) -> Any:
    return content(by_key(graph)[key])


def secrets_in(value: object) -> Iterator[SecretReference]:
    if isinstance(value, SecretReference):
        yield value
    children = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
    for child in children:
        yield from secrets_in(child)


def with_file(files: Files, name: str, content: str) -> Files:
    return {**files, name: content}


def test_each_resource_stands_after_all_it_needs(plan: Planner, stack: Files) -> None:
    graph = plan(stack)
    seen: set[str] = set()
    for one in graph.resources:
        assert set(one.needs) <= seen, one.key
        seen.add(one.key)
    assert [one.type for one in graph.resources][-1] == "Traffic"


def test_the_endpoint_says_nothing_of_weights_and_traffic_waits_for_every_deployment(
    plan: Planner, stack: Files
) -> None:
    graph = plan(stack)
    assert not {"traffic", "mirrorTraffic"} & set(body(graph, "OnlineEndpoint:answers")["properties"])
    traffic = by_key(graph)["Traffic:answers"]
    assert traffic.needs == ("OnlineEndpoint:answers", "OnlineDeployment:answers/blue")
    assert traffic.properties["weights"] == {"blue": 100}


def test_weights_are_set_again_when_the_endpoint_changes(plan: Planner, stack: Files) -> None:
    before = by_key(plan(stack))["Traffic:answers"].properties["trigger"]
    tagged = with_file(stack, "endpoints/answers/endpoint.yaml", ENDPOINT + "tags: {team: search}\n")
    assert by_key(plan(stack))["Traffic:answers"].properties["trigger"] == before
    assert by_key(plan(tagged))["Traffic:answers"].properties["trigger"] != before


def test_secrets_stay_references(plan: Planner, stack: Files) -> None:
    graph = plan(stack)
    variables = body(graph, "OnlineDeployment:answers/blue")["properties"]["environmentVariables"]
    assert [one.name for one in secrets_in(variables)] == ["token"]
    credentials = body(graph, "WorkspaceConnection:chat-model")["properties"]["credentials"]
    assert [(one.scheme, one.name) for one in secrets_in(credentials)] == [("env", "KEY")]


def test_a_secret_written_out_is_nowhere_as_text(plan: Planner, stack: Files) -> None:
    written = CONNECTION.replace("${env:KEY}", "abcdef0123456789")
    graph = plan(with_file(stack, "connections/chat-model.yaml", written))
    assert "abcdef0123456789" not in repr(graph)
    assert [one.name for one in secrets_in(body(graph, "WorkspaceConnection:chat-model"))] == ["abcdef0123456789"]


def test_a_flow_learns_where_its_connections_are(plan: Planner, stack: Files) -> None:
    variables = body(plan(stack), "OnlineDeployment:answers/blue")["properties"]["environmentVariables"]
    assert variables["PRT_CONFIG_OVERRIDE"] == (
        "deployment.subscription_id=sub,deployment.resource_group=group,deployment.workspace_name=space,"
        "deployment.endpoint_name=answers,deployment.deployment_name=blue"
    )
    assert "AZURE_CLIENT_ID" not in variables


def test_a_model_is_uploaded_before_its_version_which_points_there(plan: Planner, stack: Files) -> None:
    resources = by_key(plan(stack))
    upload = next(one for one in resources.values() if one.type == "Upload")
    version = resources["ModelVersion:chat@1"]
    assert upload.key in version.needs
    assert "ModelContainer:chat" in version.needs
    assert upload.properties["path"] == "flows/chat"
    assert str(content(version)["properties"]["modelUri"]).endswith(str(upload.properties["place"]))
    deployment = body(plan(stack), "OnlineDeployment:answers/blue")["properties"]
    assert deployment["model"] == version.properties["id"]


def test_an_environment_inside_a_deployment_is_named_by_its_content(plan: Planner, stack: Files) -> None:
    def made(files: Files) -> Resource:
        (found,) = plan(files).of("EnvironmentVersion")
        return found

    first = made(stack)
    other = with_file(stack, "endpoints/answers/blue.yaml", DEPLOYMENT.replace(":latest", ":20240101.v1"))
    assert first.name.startswith("answers-blue@")
    assert content(first)["properties"]["isAnonymous"] is True
    assert made(stack) == first
    assert made(other).name != first.name


def test_azure_itself_gives_a_system_assigned_identity_its_roles(plan: Planner, stack: Files) -> None:
    assert plan(stack).of("RoleAssignment") == ()


def test_a_system_assigned_identity_gets_its_grants_between_endpoint_and_deployment(
    plan: Planner, stack: Files
) -> None:
    plain = ENDPOINT.replace("properties: {enforce_access_to_default_secret_stores: enabled}\n", "")
    role = "Azure Machine Learning Workspace Connection Secrets Reader"
    access = f"grants:\n- {{identity: answers, role: {role}, scope: connection/chat-model}}\n"
    files = {**stack, "endpoints/answers/endpoint.yaml": plain, "access.yaml": access}
    (given,) = plan(files).of("RoleAssignment")
    assert given.needs == ("OnlineEndpoint:answers", "WorkspaceConnection:chat-model")
    properties = content(given)["properties"]
    assert properties["principalId"] == Output("OnlineEndpoint:answers", "identity.principalId")
    assert given.key in by_key(plan(files))["OnlineDeployment:answers/blue"].needs


def test_without_the_role_a_deployment_that_reads_a_connection_is_refused(plan: Planner, stack: Files) -> None:
    plain = ENDPOINT.replace("properties: {enforce_access_to_default_secret_stores: enabled}\n", "")
    with pytest.raises(AccessDenied, match=r"answers lacks role .*Secrets Reader' at scope workspace"):
        plan(with_file(stack, "endpoints/answers/endpoint.yaml", plain))


def test_a_user_assigned_identity_has_its_roles_before_the_endpoint_exists(plan: Planner, stack: Files) -> None:
    graph = plan(with_file(stack, "endpoints/answers/endpoint.yaml", USER_ASSIGNED))
    given = {one.properties["id"]: one for one in graph.of("RoleAssignment")}
    roles = {content(one)["properties"]["roleDefinitionId"].rpartition("/")[2] for one in given.values()}
    names = {name for name, guid in ROLE_IDS.items() if guid in roles}
    assert names == {
        "Azure Machine Learning Workspace Connection Secrets Reader",
        "AcrPull",
        "Storage Blob Data Reader",
        "AzureML Metrics Writer (preview)",
    }
    endpoint = by_key(graph)["OnlineEndpoint:answers"]
    assert {one.key for one in given.values()} <= set(endpoint.needs)
    identities = content(endpoint)["identity"]["userAssignedIdentities"]
    assert identities == {f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/reader": {}}


def test_a_deployment_is_told_the_client_id_of_a_user_assigned_identity(plan: Planner, stack: Files) -> None:
    graph = plan(with_file(stack, "endpoints/answers/endpoint.yaml", USER_ASSIGNED))
    variables = body(graph, "OnlineDeployment:answers/blue")["properties"]["environmentVariables"]
    assert variables["AZURE_CLIENT_ID"] == Output("UserAssignedIdentity:reader", "clientId")


def test_what_the_deployment_says_of_its_client_id_stands(plan: Planner, stack: Files) -> None:
    said = DEPLOYMENT.replace("environment_variables: {", "environment_variables: {AZURE_CLIENT_ID: mine, ")
    files = {**stack, "endpoints/answers/endpoint.yaml": USER_ASSIGNED, "endpoints/answers/blue.yaml": said}
    variables = body(plan(files), "OnlineDeployment:answers/blue")["properties"]["environmentVariables"]
    assert variables["AZURE_CLIENT_ID"] == "mine"


def test_an_identity_named_by_its_arm_id_is_looked_up_not_made(plan: Planner, stack: Files) -> None:
    there = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/reader"
    named = USER_ASSIGNED.replace("resource_id: reader", f"resource_id: {there}")
    files = with_file(stack, "endpoints/answers/endpoint.yaml", named)
    assert by_key(plan(files))["UserAssignedIdentity:reader"].properties["existing"] is True
    made = plan(files, replace(SITE, identities=frozenset({"reader"})))
    assert "existing" not in by_key(made)["UserAssignedIdentity:reader"].properties


def test_roles_that_somebody_else_has_given_are_left_alone(plan: Planner, stack: Files) -> None:
    files = with_file(stack, "endpoints/answers/endpoint.yaml", USER_ASSIGNED)
    first, *others = plan(files).of("RoleAssignment")
    name = str(first.properties["id"]).rpartition("/")[2]
    graph = plan(files, replace(SITE, granted=frozenset({name})))
    assert [one.key for one in graph.of("RoleAssignment")] == [one.key for one in others]
    assert all(set(one.needs) <= by_key(graph).keys() for one in graph.resources)


def test_a_connection_by_entra_gives_the_identity_a_role_on_its_service(plan: Planner, stack: Files) -> None:
    keyless = "\n".join(line for line in CONNECTION.splitlines() if not line.startswith("api_key")) + "\n"
    graph = plan(with_file(stack, "connections/chat-model.yaml", keyless))
    (given,) = graph.of("RoleAssignment")
    assert str(given.properties["id"]).startswith(
        "/subscriptions/sub/resourceGroups/ai/providers/Microsoft.CognitiveServices/accounts/a/providers/"
    )
    role = content(given)["properties"]["roleDefinitionId"]
    assert role.endswith(ROLE_IDS["Cognitive Services OpenAI User"])


def test_names_of_role_assignments_follow_from_what_they_say(plan: Planner, stack: Files) -> None:
    files = with_file(stack, "endpoints/answers/endpoint.yaml", USER_ASSIGNED)
    assert [one.properties["id"] for one in plan(files).of("RoleAssignment")] == [
        one.properties["id"] for one in plan(files).of("RoleAssignment")
    ]
    upper = plan(files, replace(SITE, registry=str(SITE.registry).upper()))
    names = {str(one.properties["id"]).rpartition("/")[2] for one in upper.of("RoleAssignment")}
    assert names == {str(one.properties["id"]).rpartition("/")[2] for one in plan(files).of("RoleAssignment")}


def test_an_unknown_role_is_refused_with_the_way_to_its_id(plan: Planner, stack: Files) -> None:
    access = "grants:\n- {identity: answers, role: No Such Role, scope: workspace}\n"
    with pytest.raises(SpecError, match=r"'No Such Role' of answers is none of those known here") as refused:
        plan(with_file(stack, "access.yaml", access))
    assert "az role definition list" in refused.value.remedy


def test_labels_are_looked_up(plan: Planner, stack: Files) -> None:
    labelled = DEPLOYMENT.replace("azureml:chat:1", "azureml:other@latest")
    files = with_file(stack, "endpoints/answers/blue.yaml", labelled)
    with pytest.raises(SpecError, match="azureml:other@latest names no version"):
        plan(files)
    there = SITE.within("models", "other", "versions", "7")
    graph = plan(files, replace(SITE, labels={"azureml:other@latest": there}))
    assert body(graph, "OnlineDeployment:answers/blue")["properties"]["model"] == there


def test_a_built_image_stands_in_the_environment(plan: Planner, stack: Files) -> None:
    graph = plan(stack, replace(SITE, images={"answers/blue": "answers-blue"}))
    (environment,) = graph.of("EnvironmentVersion")
    assert content(environment)["properties"]["image"] == Output("Image:answers-blue", "ref")
