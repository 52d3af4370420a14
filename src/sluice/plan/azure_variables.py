"""What a deployment's containers are told on Azure besides what its specification says. Pure."""

from __future__ import annotations

from typing import Any, Final

from sluice.plan.azure_site import Site
from sluice.plan.flow_settings import VARIABLE, Place, config_override
from sluice.plan.graph import Output
from sluice.spec.models import Deployment

CLIENT_ID: Final = "AZURE_CLIENT_ID"


def environment_variables(
    deployment: Deployment, site: Site, client_id: Output | None, *, flow: bool
) -> dict[str, Any]:
    """Return a deployment's variables; secrets stay references.

    Args:
        deployment: the specification; what it says stands, but for the deploy document's placeholders.
        site: the workspace, which a flow's server has to know to find its connections.
        client_id: the client id of a user-assigned identity; without it Azure's libraries take the system's.
        flow: whether the deployment serves a flow.
    """
    said: dict[str, Any] = dict(deployment.environment_variables)
    override = said.get(VARIABLE)
    if isinstance(override, str) or (flow and override is None):
        said[VARIABLE] = config_override(override, _place(deployment, site))
    if client_id and (CLIENT_ID not in said or _is_placeholder(said[CLIENT_ID])):
        said[CLIENT_ID] = client_id
    return said


def _place(deployment: Deployment, site: Site) -> Place:
    return Place(site.subscription, site.resource_group, site.workspace, deployment.endpoint_name, deployment.name)


def _is_placeholder(value: object) -> bool:
    return isinstance(value, str) and value.startswith("<") and value.endswith(">")
