"""`sluice access` on a simulated Azure: what is given, above and to groups, what is missing, and who may not look."""

from __future__ import annotations

import json
from typing import Any

from tests.azure.cli.conftest import GROUP, SUBSCRIPTION, Project
from tests.azure.scenes import endpoint_body, endpoint_id
from tests.azure.simulator.azure import Azure
from tests.azure.simulator.directory import BLOB_CONTRIBUTOR, CONTRIBUTOR, OWNER
from tests.azure.simulator.identity import ME
from tests.azure.simulator.names import target
from tests.azure.simulator.roles import ACR_PULL, BLOB_READER, SECRETS_READER, give
from tests.azure.simulator.world import World
from tests.unit.azure.conftest import USER_ASSIGNED

READER = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/reader"
VAULT = f"{GROUP}/providers/Microsoft.KeyVault/vaults/keys"
PRINCIPAL = "00000000-0000-0000-0000-0000000000aa"
WORKSPACE_FILE = (
    f"identity:\n  type: system_assigned,user_assigned\n  user_assigned_identities:\n    '{READER}': {{}}\n"
)
ENDPOINT = USER_ASSIGNED.replace("resource_id: reader", f"resource_id: {READER}")


def with_identity(project: Project) -> World:
    """An endpoint of the stack acts as an identity that is there and has no role yet."""
    project.write("endpoints/answers/endpoint.yaml", ENDPOINT)
    identity = {"location": "westeurope", "properties": {"principalId": PRINCIPAL, "clientId": PRINCIPAL}}
    project.world.store(target(READER), identity)
    return project.world


def states(project: Project, status: int) -> dict[tuple[str, str, str], str]:
    said = project.call("access", "check", "--json")
    assert said.status == status, said.out
    return {(one["who"], one["role"], one["scope"]): one["state"] for one in json.loads(said.out)["needs"]}


def rows(project: Project, verb: str = "check") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(project.call("access", verb, "--json").out)["needs"]
    return found


def test_a_plan_says_who_gives_what_and_changes_nothing(project: Project) -> None:
    said = project.call("access", "plan")
    assert said.status == 0, said
    line = next(line for line in said.out.splitlines() if "AcrPull" in line)
    assert line.split()[0] == "answers"
    assert line.split("registry")[1].strip().startswith("pulls the deployment's image")
    assert line.endswith("Azure")
    assert {method for method, _ in project.world.requests} == {"GET"}


def test_nobody_has_a_role_before_it_is_given(project: Project) -> None:
    with_identity(project)
    found = states(project, 1)
    assert found["reader", "AcrPull", "registry"] == "missing"
    assert found["you", "Contributor", "workspace"] == "held"


def test_a_missing_role_comes_with_the_line_that_gives_it(project: Project) -> None:
    world = with_identity(project)
    said = project.call("access", "check")
    registry = world.must(world.workspace_id).body["properties"]["containerRegistry"]
    assert f"--assignee-object-id {PRINCIPAL} --assignee-principal-type ServicePrincipal --role {ACR_PULL}" in said.out
    assert f"--scope {registry}" in said.out
    assert "5 to 10 minutes" in said.err


def test_what_is_given_above_to_a_group_or_by_a_wider_role_counts(project: Project) -> None:
    world = with_identity(project)
    world.settings.groups = {PRINCIPAL: {"a-group"}}
    give(world, PRINCIPAL, ACR_PULL, f"/subscriptions/{SUBSCRIPTION}")
    give(world, "a-group", SECRETS_READER, world.workspace_id)
    give(world, PRINCIPAL, BLOB_CONTRIBUTOR, GROUP)
    found = states(project, 0)
    assert found["reader", "AcrPull", "registry"] == "held"
    assert found["reader", "Storage Blob Data Reader", "storage"] == "held"
    assert found["reader", "Azure Machine Learning Workspace Connection Secrets Reader", "workspace"] == "held"
    assert found["reader", "AzureML Metrics Writer (preview)", "workspace"] == "missing"  # optional: exit 0


def test_a_role_beside_it_does_not_count(project: Project) -> None:
    world = with_identity(project)
    give(world, PRINCIPAL, ACR_PULL, f"{GROUP}/providers/Microsoft.ContainerRegistry/registries/another")
    assert states(project, 1)["reader", "AcrPull", "registry"] == "missing"


def test_an_endpoints_own_identity_is_there_when_the_endpoint_is(project: Project) -> None:
    assert states(project, 0)["answers", "AcrPull", "registry"] == "later"
    Azure(project.world).answer(
        "PUT", endpoint_id(project.world), {"api-version": "x"}, {"authorization": "Bearer good"},
        endpoint_body(properties={"enforce_access_to_default_secret_stores": "enabled"}),
    )  # fmt: skip
    for _ in range(3):
        project.call("access", "check")
    assert states(project, 0)["answers", "AcrPull", "registry"] == "held"


def test_whoever_deploys_is_told_what_they_may_not_do(project: Project) -> None:
    with_identity(project)
    give(project.world, PRINCIPAL, OWNER, f"/subscriptions/{SUBSCRIPTION}")
    project.world.settings.mine = [{"actions": ["*"], "notActions": ["Microsoft.Authorization/*/Write"]}]
    found = [one for one in rows(project) if one["who"] == "you" and one["state"] == "missing"]
    assert {one["scope"] for one in found} == {"workspace", "registry", "storage"}
    assert all(one["detail"] == "lacks Microsoft.Authorization/roleAssignments/write" for one in found)
    assert all(f"--assignee-object-id {ME} --assignee-principal-type User" in one["az"] for one in found)


def test_who_may_not_look_is_told_so(project: Project) -> None:
    with_identity(project)
    project.world.settings.denied = {"Microsoft.Authorization/roleAssignments/read"}
    found = [one for one in rows(project) if one["who"] == "reader"]
    assert {one["state"] for one in found} == {"unknown"}
    assert "roleassignments/read" in found[0]["detail"]


def with_workspace_file(project: Project) -> World:
    world = with_identity(project)
    project.write("workspace.yml", WORKSPACE_FILE)
    return world


def test_identities_of_a_workspace_need_an_access_policy(project: Project) -> None:
    world = with_workspace_file(project)
    given = {"keys": ["all"], "secrets": ["get", "list"], "certificates": ["all"], "storage": ["all"]}
    policies = {"accessPolicies": [{"objectId": PRINCIPAL, "permissions": given}]}
    world.store(target(VAULT), {"properties": policies})
    policy = next(one for one in rows(project) if one["role"].startswith("access policy"))
    assert (policy["state"], policy["detail"]) == ("missing", "lacks secret: backup delete recover restore set")
    assert policy["az"].startswith(f"az keyvault set-policy --name keys --object-id {PRINCIPAL}")
    given["secrets"] = ["all"]
    assert next(one for one in rows(project) if one["role"].startswith("access policy"))["state"] == "held"


def test_identities_of_a_workspace_need_a_role_where_the_vault_knows_roles(project: Project) -> None:
    world = with_workspace_file(project)
    world.store(target(VAULT), {"properties": {"enableRbacAuthorization": True}})
    assert states(project, 1)["reader", "Key Vault Administrator", "key vault"] == "missing"
    give(world, PRINCIPAL, CONTRIBUTOR, f"/subscriptions/{SUBSCRIPTION}")
    give(world, PRINCIPAL, "00482a5a-887f-4fb3-b363-3b7fe8e74483", VAULT)
    found = states(project, 1)
    assert found["reader", "Key Vault Administrator", "key vault"] == "held"
    assert found["reader", "Contributor", "registry"] == "held"
    assert found["reader", "Storage File Data Privileged Contributor", "storage"] == "missing"
    assert found["whoever submits runs", "Managed Identity Operator", "identity reader"] == "held"


def test_a_page_for_a_ticket(project: Project) -> None:
    with_identity(project)
    said = project.call("access", "check", "--markdown")
    assert said.out.startswith("# Access of stack prod\n\n| state | who | role | where | why | given by |")
    assert "```sh\naz role assignment create" in said.out


def test_two_forms_are_one_too_many(project: Project) -> None:
    said = project.call("access", "plan", "--markdown", "--json")
    assert (said.status, "Give one of them" in said.err) == (2, True)


def test_a_stack_on_this_machine_has_a_plan_too(project: Project) -> None:
    project.write("stacks/prod/stack.yaml", "target: local\n")
    assert (
        project.call("access", "plan")
        .out.splitlines()[1]
        .endswith("reads the workspace's connections when a flow runs  sluice up")
    )
    assert project.call("access", "check").status == 1
    assert project.world.requests == []


def test_no_token_is_ever_said(project: Project) -> None:
    with_identity(project)
    said = project.call("access", "check")
    assert project.identity.token not in said.out + said.err


def test_role_reading_asks_for_each_thing_once(project: Project) -> None:
    world = with_identity(project)
    give(world, PRINCIPAL, BLOB_READER, GROUP)
    project.call("access", "check")
    paths = [
        path
        for method, path in world.requests
        if method == "GET" and "workspaces" not in path.rpartition("/providers/")[2]
    ]
    assert len(paths) == len(set(paths)), paths
