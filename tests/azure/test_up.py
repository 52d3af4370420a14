"""The real engine on the simulated Azure: from nothing to blue, to green, away; and what goes wrong on the way.

`pulumi-resource-azure-native` is a stand-in (tests/azure/standin); the login is the real azure-identity's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.azure.projects import ANSWERS, BLUE, GREEN, KEY, TOKEN, AzureProject, endpoint, lent_azure
from tests.azure.scenes import running
from tests.azure.simulator.names import ASSIGNMENT, CONNECTION, DEPLOYMENT, ENDPOINT, target
from tests.azure.simulator.world import Fault
from tests.unit.azure.conftest import CONNECTION as CONNECTION_FILE
from tests.unit.azure.conftest import USER_ASSIGNED

pytestmark = [pytest.mark.process, pytest.mark.engine]

ENDPOINT_FILE = "endpoints/answers/endpoint.yaml"
PRINCIPAL = "00000000-0000-0000-0000-0000000000aa"
IDENTITIES = "/subscriptions/sub/resourceGroups/group/providers/Microsoft.ManagedIdentity/userAssignedIdentities"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[AzureProject]:
    """A project with blue, and an Azure with an empty workspace."""
    with lent_azure(tmp_path / "p") as project:
        yield project


@pytest.fixture
def up(project: AzureProject) -> AzureProject:
    """The same, up with blue at 100 %."""
    project.must("up", "--yes")
    return project


def test_from_nothing_to_blue_to_green_and_away(project: AzureProject) -> None:
    told = project.must("up", "--yes")
    assert project.weights() == {"blue": 100}
    assert "answers  https://answers.westeurope.inference.ml.azure.com/score  blue=100" in told

    asked = project.asked("up", "--yes")
    assert {method for method, _ in asked} == {"GET"}
    # The program looks at 6 things, the engine's refresh at 6, and at the weights with 2.
    assert len(asked) <= 14
    assert project.call("preview", "--expect-no-changes").returncode == 0

    project.write("endpoints/answers/green.yaml", GREEN)
    project.must("up", "--yes")
    assert project.weights() == {"blue": 100}
    project.write(ENDPOINT_FILE, endpoint(blue=90, green=10))
    previewed = project.call("preview")
    assert "weights.blue: 100 => 90" in previewed.stderr
    assert project.weights() == {"blue": 100}
    project.must("up", "--yes")
    assert project.weights() == {"blue": 90, "green": 10}

    (project.root / "endpoints/answers/blue.yaml").unlink()
    project.write(ENDPOINT_FILE, endpoint(green=100) + "tags: {team: search}\n")
    project.must("up", "--yes")
    assert project.weights() == {"green": 100}
    assert project.body(ANSWERS)["tags"] == {"team": "search"}
    assert project.world.find(f"{project.world.workspace_id}/{ANSWERS}/deployments/blue") is None
    assert set(project.world.sums("answers")) == {100}

    project.must("down", "--yes")
    assert project.world.sums("answers")[-1] == 0
    assert not [
        one for one in project.world.resources.values() if one.target.type in {ENDPOINT, DEPLOYMENT, CONNECTION}
    ]


def test_what_stays_is_taken_over_by_the_next_one(up: AzureProject) -> None:
    """Versions of models stay when a stack goes: it comes up again all the same, and so does another beside it."""
    up.must("down", "--yes")
    assert up.body("models", "chat", "versions", "1")
    up.body("models", "chat")["properties"]["description"] = "somebody's"
    before = len(up.around.requests)

    up.must("up", "--yes")

    assert up.weights() == {"blue": 100}
    assert up.body("models", "chat")["properties"]["description"] == "somebody's"
    assert "PUT" not in {method for method, _ in up.around.requests[before:]}
    assert up.call("preview", "--expect-no-changes").returncode == 0


def test_no_secret_lies_in_the_state(up: AzureProject) -> None:
    up.edit("endpoints/answers/blue.yaml", "instance_count: 1", "instance_count: 2")
    up.must("up", "--yes")
    connection = up.body("connections", "chat-model")["properties"]
    deployed = up.body(ANSWERS, "deployments", "blue")["properties"]

    assert connection["credentials"]["key"] == KEY
    assert deployed["environmentVariables"]["TOKEN"] == TOKEN
    state = up.state()
    assert "chat-model" in state
    assert KEY not in state
    assert TOKEN not in state


def test_a_secret_of_a_key_vault(project: AzureProject) -> None:
    project.write("connections/chat-model.yaml", CONNECTION_FILE.replace("${env:KEY}", "${keyvault:safe/model-key}"))
    refused = project.call("up", "--yes")
    assert "vault safe has no secret model-key" in refused.stderr
    assert not project.world.find(f"{project.world.workspace_id}/{ANSWERS}")

    project.around.secrets["safe/model-key"] = "from-the-vault"
    project.must("up", "--yes")

    assert project.body("connections", "chat-model")["properties"]["credentials"]["key"] == "from-the-vault"
    assert "from-the-vault" not in project.state()
    project.around.denied = True
    assert "Key Vault Secrets User on vault safe" in project.call("preview").stderr


def test_what_can_not_change_in_place_is_refused_before_anything_is_done(up: AzureProject) -> None:
    up.edit("endpoints/answers/blue.yaml", "Standard_DS3_v2", "Standard_DS2_v2")
    for verb in (["preview"], ["up", "--yes"]):
        before = len(up.world.requests)
        refused = up.call(*verb)
        assert refused.returncode == 1
        assert "deployment blue of endpoint answers takes 100 % of the traffic" in refused.stderr
        assert "Give it a new name" in refused.stderr
        assert {method for method, _ in up.world.requests[before:]} == {"GET"}
    assert up.weights() == {"blue": 100}


def test_other_content_under_a_version_that_exists_is_refused(up: AzureProject) -> None:
    up.edit("flows/chat/ask.py", "return question", "return question.upper()")
    refused = up.call("preview")
    assert refused.returncode == 1
    assert "model chat has version 1 already, with another modelUri" in refused.stderr


def test_a_user_assigned_identity_has_its_roles_before_the_endpoint_is_there(project: AzureProject) -> None:
    project.write(ENDPOINT_FILE, USER_ASSIGNED + "traffic: {blue: 100}\n")
    asked = project.asked("up", "--yes")

    puts = [path for method, path in asked if method == "PUT"]
    opened = next(index for index, path in enumerate(puts) if path.endswith("/onlineEndpoints/answers"))
    assigned = [index for index, path in enumerate(puts) if "/roleAssignments/" in path]
    assert len(assigned) == 4
    assert max(assigned) < opened
    assert project.weights() == {"blue": 100}
    client = project.world.must(f"{IDENTITIES}/reader").body["properties"]["clientId"]
    blue = project.body(ANSWERS, "deployments", "blue")["properties"]
    assert blue["environmentVariables"]["AZURE_CLIENT_ID"] == client
    assert project.call("preview", "--expect-no-changes").returncode == 0

    project.must("down", "--yes")
    assert not [one for one in project.world.resources.values() if one.target.type == ASSIGNMENT]


def test_a_role_that_somebody_has_given_already_is_left_to_them(project: AzureProject) -> None:
    world = project.world
    reader = f"{IDENTITIES}/ours"
    world.store(
        target(reader), {"location": "westeurope", "properties": {"principalId": PRINCIPAL, "clientId": PRINCIPAL}}
    )
    registry = world.must(world.workspace_id).body["properties"]["containerRegistry"]
    world.store(target(registry), {"properties": {}})
    role = "/subscriptions/sub/providers/Microsoft.Authorization/roleDefinitions/7f951dda-4ed3-4680-a7ca-43fe172d538d"
    given = {"principalId": PRINCIPAL, "roleDefinitionId": role, "scope": registry.lower()}
    place = f"{registry}/providers/Microsoft.Authorization/roleAssignments/by-an-admin"
    world.store(target(place), {"properties": given})
    project.write(ENDPOINT_FILE, USER_ASSIGNED.replace("reader", reader) + "traffic: {blue: 100}\n")

    project.must("up", "--yes")

    assert project.weights() == {"blue": 100}
    assert project.call("preview", "--expect-no-changes").returncode == 0
    project.must("down", "--yes")
    assert world.find(place)
    assert world.find(reader)


def test_a_deployment_that_does_not_come_up_leaves_the_weights_and_the_next_up_goes_on(up: AzureProject) -> None:
    up.world.settings.failing["answers/green"] = "ModuleNotFoundError: No module named 'library'"
    up.write("endpoints/answers/green.yaml", GREEN)
    up.write(ENDPOINT_FILE, endpoint(blue=0, green=100))
    failed = up.call("up", "--yes")
    assert failed.returncode == 1
    assert "OnlineDeployment answers/green" in failed.stderr
    assert "ModuleNotFoundError: No module named 'library'" in failed.stderr
    assert up.weights() == {"blue": 100}

    up.world.settings.failing.clear()
    up.must("up", "--yes")
    assert up.weights() == {"green": 100}
    assert set(up.world.sums("answers")) == {100}


def test_after_the_network_was_lost_in_the_middle_of_it_the_next_up_goes_on(project: AzureProject) -> None:
    project.world.settings.polls = 4
    project.world.faults = [Fault("GET", "operations", 0, times=7)]
    assert project.call("up", "--yes").returncode == 1
    project.world.faults = []

    project.must("up", "--yes")

    assert project.weights() == {"blue": 100}
    assert [method for method, path in project.world.requests if path.endswith(ANSWERS)].count("PUT") == 2
    assert project.call("preview", "--expect-no-changes").returncode == 0


def test_an_endpoint_that_is_there_already_is_not_taken_over_in_passing(project: AzureProject) -> None:
    running(project.world, "theirs", traffic={"theirs": 100})
    refused = project.call("up", "--yes")
    assert refused.returncode == 1
    assert "cannot create already existing resource" in refused.stderr
    assert "pulumi import" in refused.stderr
    assert project.weights() == {"theirs": 100}


def test_what_somebody_has_deleted_is_made_anew(up: AzureProject) -> None:
    world = up.world
    for key in [key for key, one in world.resources.items() if one.target.type in {ENDPOINT, DEPLOYMENT}]:
        del world.resources[key]
    up.must("up", "--yes")
    assert up.weights() == {"blue": 100}


def test_weights_that_were_changed_elsewhere_are_told_then_set_again(up: AzureProject) -> None:
    up.write("endpoints/answers/green.yaml", GREEN)
    up.must("up", "--yes")
    live = up.world.must(f"{up.world.workspace_id}/{ANSWERS}")
    up.world.store(
        live.target, {**live.body, "properties": {**live.body["properties"], "traffic": {"blue": 40, "green": 60}}}
    )

    previewed = up.call("preview")
    assert "changed elsewhere" in previewed.stderr
    assert "blue=40 green=60 is live" in previewed.stderr
    assert "weights.blue: 40 => 100" in previewed.stderr
    assert up.weights() == {"blue": 40, "green": 60}

    # Whatever else changes, an update of the endpoint carries what is live.
    up.write(ENDPOINT_FILE, endpoint(blue=100) + "description: the library\n")
    up.must("up", "--yes")
    assert up.weights() == {"blue": 100}
    assert set(up.world.sums("answers")) == {100}


def test_on_kubernetes(project: AzureProject) -> None:
    project.write(
        ENDPOINT_FILE,
        "$schema: https://azuremlschemas.azureedge.net/latest/kubernetesOnlineEndpoint.schema.json\n"
        "name: answers\ncompute: azureml:cluster\nauth_mode: key\ntraffic: {blue: 100}\n"
        "properties: {enforce_access_to_default_secret_stores: enabled}\n",
    )
    project.write(
        "endpoints/answers/blue.yaml",
        BLUE.replace("managedOnlineDeployment", "kubernetesOnlineDeployment").replace(
            "instance_type: Standard_DS3_v2", "type: kubernetes\ninstance_type: cpu-small"
        ),
    )
    project.must("up", "--yes")
    assert project.body(ANSWERS)["properties"]["compute"].endswith("/computes/cluster")
    assert project.body(ANSWERS, "deployments", "blue")["properties"]["endpointComputeType"] == "Kubernetes"
    assert project.call("preview", "--expect-no-changes").returncode == 0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("target: azure\nsubscription: sub\n", "target: azure needs resourceGroup, workspace"),
        ("target: azure\nsubscription: other\nresourceGroup: group\nworkspace: space\n", "SubscriptionNotFound"),
        ("target: azure\nsubscription: sub\nresourceGroup: group\nworkspace: spcae\n", "there is no workspace spcae"),
    ],
)
def test_a_workspace_that_is_not_there(project: AzureProject, settings: str, words: str) -> None:
    project.write("stacks/dev/stack.yaml", settings)
    refused = project.call("preview")
    assert refused.returncode == 1
    assert words in refused.stderr


def test_nobody_is_logged_in(project: AzureProject) -> None:
    project.around.token = ""
    refused = project.call("preview")
    assert refused.returncode == 1
    assert "nobody is logged in to Azure here" in refused.stderr
    assert "az login" in refused.stderr


def test_a_rollout_is_refused_in_clear_words(project: AzureProject) -> None:
    project.write(
        "endpoints/answers/rollout.yaml", "endpoint_name: answers\nsteps: [{weight: 10, hold: 5m}, {weight: 100}]\n"
    )
    refused = project.call("preview")
    assert refused.returncode == 1
    assert "has a rollout.yaml" in refused.stderr


def test_too_few_cores_are_told_before_anything_is_made(project: AzureProject) -> None:
    project.world.settings.cores["standardDSv2Family"] = 2
    refused = project.call("preview")
    assert refused.returncode == 1
    assert "standardDSv2Family" in refused.stderr + refused.stdout
    assert project.world.find(f"{project.world.workspace_id}/{ANSWERS}") is None
