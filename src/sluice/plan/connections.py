"""Which connections a deployment reads: the flow's names, and what the deployment's variables put in their place.

The deploy document knows two forms: a variable with the flow connection's name holds another connection's
name, or `${{azureml://connections/NAME}}`. Any variable may hold the second form.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from sluice.spec.models import Deployment, Flow, Value

_REFERENCE: Final = re.compile(r"\$\{\{\s*azureml://connections/([^}/\s]+)[^}]*\}\}")


def referenced_connection(value: Value) -> str | None:
    """Return the connection named by `${{azureml://connections/NAME...}}`, else None."""
    found = _REFERENCE.search(value) if isinstance(value, str) else None
    return found[1] if found else None


def connections_read(deployment: Deployment, flow: Flow | None) -> Mapping[str, str]:
    """Return the connections a deployment reads: the name it uses -> the connection that stands behind it."""
    variables = deployment.environment_variables
    named = {use.name: _behind(use.name, variables) for use in flow.connections} if flow else {}
    referenced = {name: name for value in variables.values() if (name := referenced_connection(value))}
    behind = set(named.values())
    return named | {name: name for name in referenced if name not in behind}


def _behind(name: str, variables: Mapping[str, Value]) -> str:
    override = variables.get(name)
    if not isinstance(override, str) or not override:
        return name
    return referenced_connection(override) or override
