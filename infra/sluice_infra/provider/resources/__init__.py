"""The resources of the provider, by type name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sluice_infra.provider.handler import Handler
from sluice_infra.provider.resources.azure import AzureTrafficHandler, UploadHandler
from sluice_infra.provider.resources.deployment import DeploymentHandler
from sluice_infra.provider.resources.endpoint import EndpointHandler
from sluice_infra.provider.resources.environment import EnvironmentHandler
from sluice_infra.provider.resources.model import ModelHandler
from sluice_infra.provider.resources.records import ConnectionHandler, IdentityHandler, RoleAssignmentHandler
from sluice_infra.provider.resources.traffic import TrafficHandler

HANDLERS: Final[Mapping[str, Handler]] = {
    "Identity": IdentityHandler(),
    "RoleAssignment": RoleAssignmentHandler(),
    "Connection": ConnectionHandler(),
    "Model": ModelHandler(),
    "Environment": EnvironmentHandler(),
    "Endpoint": EndpointHandler(),
    "Deployment": DeploymentHandler(),
    "Traffic": TrafficHandler(),
    "Upload": UploadHandler(),
    "AzureTraffic": AzureTrafficHandler(),
}
