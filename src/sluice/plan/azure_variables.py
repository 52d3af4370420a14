"""What a deployment's containers are told on Azure besides what its specification says. Pure."""

from __future__ import annotations

from typing import Any, Final

from sluice.plan.azure_site import Site
from sluice.plan.graph import Output
from sluice.spec.models import Deployment

CLIENT_ID: Final = "AZURE_CLIENT_ID"
CONFIG_OVERRIDE: Final = "PRT_CONFIG_OVERRIDE"


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
    named = _names(deployment, site)
    override = said.get(CONFIG_OVERRIDE)
    if isinstance(override, str):
        said[CONFIG_OVERRIDE] = _filled(override, named)
    elif flow and override is None:
        said[CONFIG_OVERRIDE] = ",".join(f"deployment.{key}={value}" for key, value in named.items())
    if client_id and (CLIENT_ID not in said or _is_placeholder(said[CLIENT_ID])):
        said[CLIENT_ID] = client_id
    return said


def _names(deployment: Deployment, site: Site) -> dict[str, str]:
    return {
        "subscription_id": site.subscription,
        "resource_group": site.resource_group,
        "workspace_name": site.workspace,
        "endpoint_name": deployment.endpoint_name,
        "deployment_name": deployment.name,
    }


def _filled(written: str, named: dict[str, str]) -> str:
    for key, value in named.items():
        written = written.replace(f"<{key}>", value)
    return written


def _is_placeholder(value: object) -> bool:
    return isinstance(value, str) and value.startswith("<") and value.endswith(">")
