"""What a user reads when Azure says no: one clear message, what to do, a page that explains; never a token."""

from __future__ import annotations

import pytest
from tests.azure.cli.conftest import SETTINGS, SUBSCRIPTION, Project
from tests.azure.scenes import running
from tests.azure.simulator.world import Fault

from sluice.cli.main import run
from sluice.targets.azure.cloud import login


def test_nobody_is_logged_in(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.identity.refuses = True
    monkeypatch.setenv("PATH", str(project.root))  # no az, azd or pwsh to ask
    login.cache_clear()
    said = project.call("list")
    assert (said.status, said.out) == (1, "")
    assert said.err.startswith("error: nobody is logged in to Azure here, or the login has ended")
    assert "Run: az login" in said.err


def test_a_login_that_has_ended(project: Project) -> None:
    project.world.tokens.clear()
    said = project.call("status")
    assert said.status == 1
    assert "Azure does not take the login: The access token has expired." in said.err
    assert "az login --tenant" in said.err
    assert project.identity.token not in said.err


@pytest.mark.parametrize(
    ("old", "new", "says", "do"),
    [
        (SUBSCRIPTION, "00000000-0000-0000-0000-000000000009", "SubscriptionNotFound", "az account show"),
        ("resourceGroup: group", "resourceGroup: other", "ResourceGroupNotFound", "`resourceGroup`"),
        (
            "workspace: space",
            "workspace: other",
            "no workspace other in resource group group",
            "Sluice makes no workspace",
        ),
    ],
)
def test_another_place(project: Project, old: str, new: str, says: str, do: str) -> None:
    project.write("stacks/prod/stack.yaml", SETTINGS.replace(old, new))
    said = project.call("access", "check")
    assert (said.status, says in said.err, do in said.err) == (1, True, True), said.err


def test_a_role_that_is_lacking(project: Project) -> None:
    running(project.world, "blue", traffic={"blue": 100})
    project.world.settings.denied = {"Microsoft.MachineLearningServices/workspaces/onlineEndpoints/listKeys/action"}
    said = project.call("keys", "show")
    assert (said.status, "the login lacks" in said.err) == (1, True), said.err
    assert "az role assignment create" in said.err


def test_throttling_is_waited_out_and_told(project: Project) -> None:
    project.world.faults = [Fault("GET", "onlineEndpoints", 429, headers={"Retry-After": "0"})]
    said = project.call("list")
    assert (said.status, "throttled; again in 0 s" in said.err) == (0, True)


def test_a_network_that_is_not_there(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_AZURE_ARM", "http://arm.example")
    said = project.call("list")
    assert (said.status, "no https address" in said.err) == (2, True)


@pytest.mark.parametrize(
    ("code", "says"),
    [("azure-failed", "already taken"), ("azure-login", "az login"), ("access-denied", "sluice access check")],
)
def test_each_has_a_page(capsys: pytest.CaptureFixture[str], code: str, says: str) -> None:
    assert run(["explain", code]) == 0
    assert says in capsys.readouterr().out
