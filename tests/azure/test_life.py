"""Whole graphs on the simulated Azure, whose rules they have to keep: from nothing to blue, to green, away."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.azure.conftest import Client
from tests.azure.engine import Engine
from tests.azure.simulator.names import ASSIGNMENT, CONNECTION, DEPLOYMENT
from tests.azure.simulator.world import World
from tests.unit.azure.conftest import DEPLOYMENT as BLUE
from tests.unit.azure.conftest import ENDPOINT, STACK, USER_ASSIGNED, Files, plan_files

from sluice.errors import AccessDenied
from sluice.plan.local import Goal
from sluice.spec.frozen import frozen_map
from sluice.targets.azure.errors import AzureFailed

GREEN: Files = {**STACK, "endpoints/answers/green.yaml": BLUE.replace("name: blue", "name: green")}
ANSWERS = "onlineEndpoints/answers"


def goals(**weights: int) -> dict[str, Goal]:
    return {"answers": Goal(frozen_map(weights))}


def weights(world: World) -> dict[str, int]:
    found: dict[str, int] = world.must(f"{world.workspace_id}/{ANSWERS}").body["properties"]["traffic"]
    return found


def only_green(folder: Path) -> Files:
    (folder / "endpoints/answers/blue.yaml").unlink()
    endpoint = ENDPOINT.replace("blue: 100", "green: 100")
    kept = {name: content for name, content in GREEN.items() if not name.endswith("blue.yaml")}
    return {**kept, "endpoints/answers/endpoint.yaml": endpoint}


@pytest.mark.parametrize("way", ["status", "result", "resource"])
def test_from_nothing_to_blue_to_green_and_away(client: Client, tmp_path: Path, way: str) -> None:
    client.world.settings.way = way
    engine = Engine(client.arm)
    engine.up(plan_files(tmp_path, STACK))
    assert weights(client.world) == {"blue": 100}
    engine.up(plan_files(tmp_path, GREEN))
    engine.up(plan_files(tmp_path, GREEN, goals=goals(blue=90, green=10)))
    assert weights(client.world) == {"blue": 90, "green": 10}
    done = engine.up(plan_files(tmp_path, only_green(tmp_path), goals=goals(green=100)))
    assert done.index("Traffic:answers") < done.index("-OnlineDeployment:answers/blue")
    assert weights(client.world) == {"green": 100}
    assert set(client.world.sums("answers")) == {100}
    engine.down()
    assert client.world.sums("answers")[-1] == 0
    assert not [one for one in client.world.resources.values() if one.target.type in {DEPLOYMENT, CONNECTION}]


def test_a_tag_on_the_endpoint_does_not_cost_its_traffic(client: Client, tmp_path: Path) -> None:
    engine = Engine(client.arm)
    engine.up(plan_files(tmp_path, STACK))
    tagged = {**STACK, "endpoints/answers/endpoint.yaml": ENDPOINT + "tags: {team: search}\n"}
    assert engine.up(plan_files(tmp_path, tagged)) == ["OnlineEndpoint:answers", "Traffic:answers"]
    assert weights(client.world) == {"blue": 100}
    assert set(client.world.sums("answers")) == {100}


def test_planned_again_nothing_is_done(client: Client, tmp_path: Path) -> None:
    engine = Engine(client.arm)
    engine.up(plan_files(tmp_path, STACK))
    before = len(client.world.requests)
    assert engine.up(plan_files(tmp_path, STACK)) == []
    assert len(client.world.requests) == before


def test_a_user_assigned_identity_with_its_roles(client: Client, tmp_path: Path) -> None:
    engine = Engine(client.arm)
    engine.up(plan_files(tmp_path, {**STACK, "endpoints/answers/endpoint.yaml": USER_ASSIGNED}))
    identity = engine.outputs["UserAssignedIdentity:reader"]["properties"]
    given = [one.body["properties"] for one in client.world.resources.values() if one.target.type == ASSIGNMENT]
    assert {one["principalId"] for one in given} == {identity["principalId"]}
    blue = client.world.must(f"{client.world.workspace_id}/{ANSWERS}/deployments/blue").body["properties"]
    assert blue["environmentVariables"]["AZURE_CLIENT_ID"] == identity["clientId"]
    engine.down()
    assert not [one for one in client.world.resources.values() if one.target.type == ASSIGNMENT]


def test_a_role_that_has_not_taken_effect_yet_fails_the_deployment_and_the_next_up_goes_on(
    client: Client, tmp_path: Path
) -> None:
    client.world.settings.roles_after = 40
    engine = Engine(client.arm)
    graph = plan_files(tmp_path, {**STACK, "endpoints/answers/endpoint.yaml": USER_ASSIGNED})
    with pytest.raises(AzureFailed, match="lacks AcrPull"):
        engine.up(graph)
    while len(client.world.requests) < 60:
        client.arm.get(client.world.workspace_id)
    engine.up(graph)
    assert weights(client.world) == {"blue": 100}


def test_who_may_not_read_connections_is_told_so_by_azure(client: Client, tmp_path: Path) -> None:
    client.world.settings.lists_secrets = False
    with pytest.raises(AccessDenied, match="connections/listsecrets/action"):
        Engine(client.arm).up(plan_files(tmp_path, STACK))


def test_a_quota_that_is_too_small_is_told_with_its_family(client: Client, tmp_path: Path) -> None:
    client.world.settings.cores = {"standardDSv2Family": 12}
    engine = Engine(client.arm)
    engine.up(plan_files(tmp_path, STACK))
    with pytest.raises(AzureFailed, match=r"OutOfQuota: Not enough quota of standardDSv2Family: 8 of 12"):
        engine.up(plan_files(tmp_path, GREEN))
    assert weights(client.world) == {"blue": 100}
