"""Datastores in the simulator: where files go, and what opens the container there."""

from __future__ import annotations

from typing import Any

from tests.azure.simulator.names import ML, target
from tests.azure.simulator.world import World

DATASTORE = f"{ML}/datastores"


def add_datastore(world: World, secrets: dict[str, Any] | None = None, name: str = "workspaceblobstore") -> None:
    """Give the workspace a datastore of blobs; `secrets` is what listSecrets tells; none: roles open it."""
    properties = {
        "datastoreType": "AzureBlob",
        "accountName": "blobs",
        "containerName": "azureml-blobstore",
        "endpoint": "core.windows.net",
        "protocol": "https",
    }
    held = secrets or {"secretsType": "None"}
    world.store(target(f"{world.workspace_id}/datastores/{name}"), {"properties": properties, "secrets": held})
