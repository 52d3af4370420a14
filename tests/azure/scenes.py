"""Things in a simulated Azure that tests begin with."""

from __future__ import annotations

from typing import Any

from tests.azure.simulator.names import target
from tests.azure.simulator.world import World

TENANT = "00000000-0000-0000-0000-000000000001"


def endpoint_id(world: World, name: str = "answers") -> str:
    return f"{world.workspace_id}/onlineEndpoints/{name}"


def endpoint_body(**properties: Any) -> dict[str, Any]:
    return {
        "location": "westeurope",
        "tags": {"team": "search"},
        "identity": {"type": "SystemAssigned"},
        "properties": {"authMode": "Key", **properties},
    }


def deployment_body(**properties: Any) -> dict[str, Any]:
    told = {"endpointComputeType": "Managed", "instanceType": "Standard_DS3_v2", **properties}
    return {"location": "westeurope", "sku": {"name": "Default", "capacity": 1}, "properties": told}


def running(world: World, *deployments: str, traffic: dict[str, int] | None = None) -> str:
    """Put an endpoint with deployments there, as if it had been there for long; return its id."""
    above = endpoint_id(world)
    principal = "00000000-0000-0000-0000-00000000000a"
    body = endpoint_body(traffic=traffic or {}, mirrorTraffic={}, provisioningState="Succeeded", scoringUri="https://x")
    body["identity"] = {"type": "SystemAssigned", "principalId": principal, "tenantId": TENANT}
    for name in deployments:
        one = deployment_body(provisioningState="Succeeded", requestSettings={"requestTimeout": "PT1M30S"})
        world.store(target(f"{above}/deployments/{name}"), one)
    world.store(target(above), body)
    return above
