"""The ARM client over HTTP: long operations, throttling, broken connections, and what it says of refusals."""

from __future__ import annotations

import pytest
from tests.azure.conftest import Client
from tests.azure.scenes import deployment_body, endpoint_body, endpoint_id, running
from tests.azure.simulator.world import Fault

from sluice.errors import AccessDenied, Interrupted, NotFound
from sluice.targets.azure.arm import ArmClient, api_version
from sluice.targets.azure.errors import AzureFailed, AzureLogin
from sluice.targets.azure.patience import Patience
from sluice.targets.azure.refusals import refusal
from sluice.targets.azure.transport import Request, Response


@pytest.mark.parametrize("way", ["status", "result", "resource"])
def test_a_long_operation_is_followed_to_its_end(client: Client, way: str) -> None:
    client.world.settings.way = way
    made = client.arm.put(endpoint_id(client.world), endpoint_body())
    assert made["properties"]["provisioningState"] == "Succeeded"
    assert client.arm.get(endpoint_id(client.world))["properties"]["scoringUri"].endswith("/score")
    client.arm.delete(endpoint_id(client.world))
    with pytest.raises(NotFound):
        client.arm.get(endpoint_id(client.world))


@pytest.mark.parametrize("way", ["status", "result"])
def test_a_long_operation_that_fails_says_why(client: Client, way: str) -> None:
    client.world.settings.way = way
    above = running(client.world)
    client.world.settings.failing["answers/blue"] = "ModuleNotFoundError: no module named 'x'"
    with pytest.raises(AzureFailed, match=r"deployments/blue: BadArgument: ModuleNotFoundError"):
        client.arm.put(f"{above}/deployments/blue", deployment_body())


def test_throttling_is_waited_out_as_long_as_azure_asks(client: Client) -> None:
    above = running(client.world)
    client.world.faults = [Fault("GET", "onlineEndpoints", 429, times=2, headers={"Retry-After": "7"})]
    client.arm.get(above)
    assert client.clock.waits == [7, 7]
    assert client.lines[0].endswith("throttled; again in 7 s")


def test_failures_of_the_service_are_tried_again_at_growing_distances(client: Client) -> None:
    above = running(client.world)
    client.world.faults = [Fault("GET", "onlineEndpoints", 503, times=4)]
    client.arm.get(above)
    assert client.clock.waits == [1, 2, 4, 8]


def test_patience_ends(client: Client) -> None:
    above = running(client.world)
    client.world.faults = [Fault("GET", "onlineEndpoints", 500, times=99)]
    with pytest.raises(AzureFailed, match="onlineEndpoints/answers: Injected"):
        client.arm.get(above)
    assert len(client.clock.waits) == Patience().attempts - 1


def test_an_answer_that_is_lost_is_asked_for_again(client: Client) -> None:
    client.world.faults = [Fault("PUT", "onlineEndpoints", 0, after=True), Fault("GET", "operations", 0)]
    client.world.settings.polls = 0
    made = client.arm.put(endpoint_id(client.world), endpoint_body())
    assert made["properties"]["provisioningState"] == "Succeeded"
    assert [method for method, _ in client.world.requests].count("PUT") == 2


def test_what_is_not_safe_to_repeat_is_sent_once(client: Client) -> None:
    above = running(client.world)
    client.world.faults = [Fault("POST", "listKeys", 0, after=True)]
    with pytest.raises(AzureFailed, match="does not answer"):
        client.arm.post(f"{above}/listKeys")
    assert [path.rpartition("/")[2] for _, path in client.world.requests] == ["listKeys"]


def test_a_post_that_failed_at_the_service_is_not_repeated_either(client: Client) -> None:
    above = running(client.world)
    client.world.faults = [Fault("POST", "listKeys", 500, after=True)]
    with pytest.raises(AzureFailed, match="Injected"):
        client.arm.post(f"{above}/listKeys")
    assert len(client.world.requests) == 1


def test_a_post_that_was_throttled_is_sent_again(client: Client) -> None:
    above = running(client.world)
    client.world.faults = [Fault("POST", "listKeys", 429)]
    assert client.arm.post(f"{above}/listKeys")["primaryKey"] == "answers-1"


def test_a_token_that_has_ended_is_renewed_once(client: Client) -> None:
    above = running(client.world)
    client.login.tokens = ["old", "good"]
    client.arm.get(above)
    client.world.tokens = {"nobody's"}
    with pytest.raises(AzureLogin, match="does not take the login") as refused:
        client.arm.get(above)
    assert "az login" in refused.value.remedy


def test_a_token_is_used_until_shortly_before_its_end(client: Client) -> None:
    above = running(client.world)
    client.arm.get(above)
    client.arm.get(above)
    assert len(client.login.asked) == 1
    client.clock.time += 3400
    client.arm.get(above)
    assert len(client.login.asked) == 2


def test_no_login_is_told_with_what_to_do(client: Client) -> None:
    class Nobody:
        def get_token(self, *_scopes: str, **_options: object) -> object:
            raise RuntimeError("EnvironmentCredential: not set\nAzureCliCredential: run az login")

    arm = ArmClient(Nobody(), client.arm.base, clock=client.clock)  # type: ignore[arg-type]
    with pytest.raises(AzureLogin, match="nobody is logged in") as refused:
        arm.get(client.world.workspace_id)
    assert "EnvironmentCredential" in refused.value.details


def test_a_missing_right_is_named_with_its_scope(client: Client) -> None:
    action = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/write"
    client.world.settings.denied = {action}
    with pytest.raises(AccessDenied, match=r"lacks .*onlineendpoints/write at /subscriptions/sub"):
        client.arm.put(endpoint_id(client.world), endpoint_body())


def test_a_wrong_subscription_is_told(client: Client) -> None:
    with pytest.raises(AzureFailed, match="SubscriptionNotFound") as refused:
        client.arm.get(client.world.workspace_id.replace("/sub/", "/other/"))
    assert "az account show" in refused.value.remedy


def test_the_login_is_shown_to_nobody_else(client: Client) -> None:
    client.world.faults = [
        Fault("PUT", "onlineEndpoints", 202, headers={"Azure-AsyncOperation": "http://127.0.0.1:1/elsewhere"})
    ]
    with pytest.raises(AzureFailed, match=r"127\.0\.0\.1:1 is not ARM's"):
        client.arm.put(endpoint_id(client.world), endpoint_body())


def test_no_error_holds_a_token(client: Client) -> None:
    client.login.tokens = ["a-very-secret-token"]
    client.world.tokens = {"other"}
    with pytest.raises(AzureLogin) as refused:
        client.arm.get(client.world.workspace_id)
    assert "a-very-secret-token" not in f"{refused.value} {refused.value.details} {client.lines} {client.arm!r}"


def test_a_wait_can_be_cut_short_and_gone_on_with(client: Client) -> None:
    def stop(waits: int) -> None:
        if waits == 0:
            raise Interrupted("stopped")

    client.clock.after = stop
    with pytest.raises(Interrupted):
        client.arm.put(endpoint_id(client.world), endpoint_body())
    client.clock.after = lambda _waits: None
    assert client.arm.settled(endpoint_id(client.world)).body["properties"]["provisioningState"] == "Succeeded"


def test_an_operation_without_end_is_given_up(client: Client) -> None:
    client.world.settings.polls = 10**9
    client.arm.patience = Patience(operation_s=10)
    with pytest.raises(AzureFailed, match=r"takes too long: no end after 0\.1"):
        client.arm.put(endpoint_id(client.world), endpoint_body())


def test_the_version_of_the_api_follows_from_the_last_provider() -> None:
    workspace = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
    assert api_version(workspace) == "2025-12-01"
    assert api_version(f"{workspace}/providers/Microsoft.Authorization/roleAssignments/a") == "2022-04-01"
    assert api_version("/subscriptions/s") == "2021-04-01"


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Fault("GET", "onlineEndpoints", 409, code="Conflict"), "Something else changes it"),
        (Fault("GET", "onlineEndpoints", 429, times=99), "goes on where it stopped"),
        (Fault("GET", "onlineEndpoints", 500, times=99), "Azure itself fails"),
        (Fault("GET", "onlineEndpoints", 0, times=99), "HTTPS_PROXY"),
        (Fault("GET", "onlineEndpoints", 403, code="ReadOnlyDisabledSubscription"), "is disabled"),
    ],
)
def test_each_refusal_comes_with_what_to_do(client: Client, fault: Fault, says: str) -> None:
    above = running(client.world)
    client.world.faults = [fault]
    with pytest.raises(AzureFailed) as refused:
        client.arm.get(above)
    assert says in refused.value.remedy
    assert "onlineEndpoints/answers" in refused.value.message


def test_a_name_that_is_taken_in_the_region_is_told(client: Client) -> None:
    client.world.settings.taken = {"answers"}
    with pytest.raises(AzureFailed, match="already taken in westeurope") as refused:
        client.arm.put(endpoint_id(client.world), endpoint_body())
    assert "choose another" in refused.value.remedy


def test_a_missing_role_comes_with_the_line_that_gives_it(client: Client) -> None:
    client.world.settings.denied = {"Microsoft.Authorization/roleAssignments/write"}
    scope = f"{client.world.workspace_id}/providers/Microsoft.Authorization/roleAssignments/a"
    with pytest.raises(AccessDenied, match=r"lacks .*roleassignments/write") as refused:
        client.arm.put(scope, {})
    assert "--role 'Role Based Access Control Administrator' --scope /subscriptions/sub" in refused.value.details


def test_a_right_on_another_resource_is_named_too() -> None:
    message = (
        "The client 'x' with object id '11111111-2222-3333-4444-555555555555' has permission to perform action 'a/b'"
        " on scope '/s'; however, it does not have permission to perform action(s)"
        " 'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action' on the linked scope(s) '/subscriptions/s/i'"
    )
    body = {"error": {"code": "LinkedAuthorizationFailed", "message": message}}
    found = refusal(Request("PUT", "https://arm/subscriptions/s"), Response(403, body=body))
    assert "lacks Microsoft.ManagedIdentity/userAssignedIdentities/assign/action at /subscriptions/s/i" in found.message
    assert found.details.startswith("az role assignment create --assignee 11111111-2222-3333-4444-555555555555")
    assert "'Managed Identity Operator'" in found.details
