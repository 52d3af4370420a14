"""What is read of Azure before anything is registered: the workspace, what exists, and roles that others gave."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.azure.conftest import Client
from tests.azure.engine import Engine
from tests.azure.scenes import endpoint_body
from tests.azure.simulator.names import ASSIGNMENT, target
from tests.unit.azure.conftest import DEPLOYMENT, STACK, USER_ASSIGNED, plan_files

from sluice.errors import Mark, NotFound, SpecError
from sluice.plan.azure_roles import held
from sluice.plan.azure_site import Site
from sluice.spec.load import load_specs
from sluice.spec.models import SpecSet
from sluice.spec.settings import StackSettings
from sluice.targets.azure.live import granted, read_live
from sluice.targets.azure.site import Place, place_of, read_site
from sluice.targets.azure.written import read_written

PLACE = Place("sub", "group", "space")


def specs_in(folder: Path, **files: str) -> SpecSet:
    for name, content in {**STACK, **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return load_specs(folder)


def test_a_stack_names_its_workspace() -> None:
    settings = StackSettings("prod", Mark("stacks/prod/stack.yaml"), subscription="sub", workspace="space")
    with pytest.raises(SpecError, match="needs resourceGroup") as refused:
        place_of(settings)
    assert "sluice:resourceGroup" in refused.value.remedy
    assert place_of(replace(settings, resource_group="group")) == PLACE


def test_a_workspace_says_where_it_is_and_what_belongs_to_it(client: Client, tmp_path: Path) -> None:
    client.world.must(client.world.workspace_id).body["location"] = "West Europe"
    site = read_site(client.arm, PLACE, specs_in(tmp_path))
    assert (site.location, site.workspace) == ("westeurope", "space")
    assert site.registry
    assert site.registry.endswith("/registries/images")
    assert len(client.world.requests) == 1


def test_a_label_stands_for_a_version(client: Client, tmp_path: Path) -> None:
    container = f"{client.world.workspace_id}/models/chat"
    client.world.store(target(container), {"properties": {"latestVersion": "7"}})
    specs = specs_in(tmp_path, **{"endpoints/answers/blue.yaml": DEPLOYMENT.replace("chat:1", "chat@latest")})
    (tmp_path / "models/chat.yaml").unlink()
    site = read_site(client.arm, PLACE, specs)
    assert site.labels == {"azureml:chat@latest": f"{container}/versions/7"}


def test_no_workspace(client: Client, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no workspace other"):
        read_site(client.arm, replace(PLACE, workspace="other"), specs_in(tmp_path))


def test_what_exists_is_read_with_one_list_an_endpoint(client: Client, tmp_path: Path) -> None:
    graph = plan_files(tmp_path, STACK)
    assert read_live(client.arm, graph, wait=False).bodies == {}
    Engine(client.arm).up(graph)
    before = len(client.world.requests)
    live = read_live(client.arm, graph, wait=False)
    assert live.weights == {"answers": {"blue": 100}}
    assert {key.partition(":")[0] for key in live.bodies} == {
        "OnlineEndpoint", "OnlineDeployment", "ModelContainer", "ModelVersion", "EnvironmentVersion",
    }  # fmt: skip
    assert len(client.world.requests) - before == 5


def test_what_is_still_under_way_is_waited_for(client: Client, tmp_path: Path) -> None:
    graph = plan_files(tmp_path, STACK)
    body = endpoint_body(provisioningState="Updating", traffic={})
    stored = client.world.store(target(f"{client.world.workspace_id}/onlineEndpoints/answers"), body)

    def ended(waits: int) -> None:
        if waits == 2:
            stored.body["properties"]["provisioningState"] = "Succeeded"

    client.clock.after = ended
    assert read_live(client.arm, graph, wait=False).bodies["OnlineEndpoint:answers"]["properties"]["provisioningState"]
    assert client.clock.waits == []
    live = read_live(client.arm, graph, wait=True).bodies["OnlineEndpoint:answers"]
    assert live["properties"]["provisioningState"] == "Succeeded"
    assert client.lines == ["onlineEndpoints/answers: Azure is still at work on it; waiting"]


def test_roles_of_ones_own_are_not_taken_for_others(client: Client, tmp_path: Path) -> None:
    files = {**STACK, "endpoints/answers/endpoint.yaml": USER_ASSIGNED}
    specs = specs_in(tmp_path, **files)
    site, written = read_site(client.arm, PLACE, specs), read_written(specs)
    for scope in (site.registry, site.storage):
        client.world.store(target(str(scope)), {"properties": {}})
    assert granted(client.arm, specs, site, written) == frozenset()
    Engine(client.arm).up(plan_files(tmp_path, files))
    assert granted(client.arm, specs, site, written) == frozenset()

    rename_all(client)
    others = granted(client.arm, specs, site, written)
    assert len(others) == len(held(specs, site, written)) == 4
    assert unassigned(tmp_path, files, replace(site, granted=others)) == []


def rename_all(client: Client) -> None:
    """Let every assignment be somebody else's: another name, all else the same."""
    resources = client.world.resources
    for key in [key for key, one in resources.items() if one.target.type == ASSIGNMENT]:
        one = resources.pop(key)
        client.world.store(target(f"{one.target.parent}/roleAssignments/by-{one.target.name[:8]}"), one.body)


def unassigned(folder: Path, files: dict[str, str], site: Site) -> list[str]:
    return [one.key for one in plan_files(folder, files, site).resources if one.type == "RoleAssignment"]
