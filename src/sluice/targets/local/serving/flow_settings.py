"""The environment variable by which a flow's server on Azure finds its workspace. Pure."""

from __future__ import annotations

from collections.abc import Mapping

# The deploy document's placeholder, and the key it stands behind.
PLACEHOLDERS = {
    "<subscription_id>": "deployment.subscription_id",
    "<resource_group>": "deployment.resource_group",
    "<workspace_name>": "deployment.workspace_name",
    "<endpoint_name>": "deployment.endpoint_name",
    "<deployment_name>": "deployment.deployment_name",
}


def prt_config_override(  # noqa: PLR0913 - one for each of the five keys
    value: str | None, *, subscription: str, resource_group: str, workspace: str, endpoint: str, deployment: str
) -> str:
    """Return PRT_CONFIG_OVERRIDE for a deployment.

    Without `value` it names all five; in `value` the deploy document's placeholders are filled in, and everything
    else stays. On this machine prompt flow's serving never reads it (only its `azureml` extension does), but a
    flow's code may.
    """
    values = dict(zip(PLACEHOLDERS, (subscription, resource_group, workspace, endpoint, deployment), strict=True))
    template = value or ",".join(f"{key}={placeholder}" for placeholder, key in PLACEHOLDERS.items())
    return _filled(template, values)


def _filled(template: str, values: Mapping[str, str]) -> str:
    for placeholder, value in values.items():
        template = template.replace(placeholder, value)
    return template
