"""Which connections a deployment reads: the flow's names, and what the deployment's variables put in their place."""

from __future__ import annotations

from collections.abc import Mapping

from sluice.spec.models import Deployment, Flow
from sluice.spec.references import connection_used, referenced_connection


def connections_read(deployment: Deployment, flow: Flow | None) -> Mapping[str, str]:
    """Return the connections a deployment reads: the name it uses -> the connection that stands behind it.

    Any variable may name one by `${{azureml://connections/NAME}}`, whether or not a flow does.
    """
    variables = deployment.environment_variables
    named = {use.name: connection_used(use.name, variables) for use in flow.connections} if flow else {}
    referenced = {name: name for value in variables.values() if (name := referenced_connection(value))}
    behind = set(named.values())
    return named | {name: name for name in referenced if name not in behind}
