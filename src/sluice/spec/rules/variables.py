"""Environment variables that Azure's prompt flow servers read: their form. No message holds a value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from sluice.errors import Mark
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import error_at, nearest, warning_at
from sluice.spec.nodes import Node, ScalarNode, dig, items, mark_of, text
from sluice.spec.placeholders import holds_placeholder
from sluice.spec.values import as_text

CONFIG_OVERRIDE = "PRT_CONFIG_OVERRIDE"
CLIENT_ID = "AZURE_CLIENT_ID"
INCLUDED_FIELDS = "PROMPTFLOW_RESPONSE_INCLUDED_FIELDS"

# Where a flow's server finds its workspace, and with it the connections (deploy document, "environment variables").
_WORKSPACE_PARTS = ("deployment.subscription_id", "deployment.resource_group", "deployment.workspace_name")
_OWN_NAMES = {"deployment.endpoint_name": "endpoint_name", "deployment.deployment_name": "name"}
_PARTS = (*_WORKSPACE_PARTS, *_OWN_NAMES)
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z_.-][\w.-]*", re.ASCII)
_COUNT = re.compile(r"[1-9][0-9]{0,5}")
# What promptflow 1.18.5's container hands on to its server as it is.
_SERVING = {
    "PROMPTFLOW_SERVING_ENGINE": (re.compile("flask|fastapi"), "flask or fastapi"),
    "PROMPTFLOW_WORKER_NUM": (_COUNT, "a whole number of at least 1"),
    "PROMPTFLOW_WORKER_THREADS": (_COUNT, "a whole number of at least 1"),
}
_FORM = "Write `deployment.subscription_id=…,deployment.resource_group=…,deployment.workspace_name=…`."


def names(node: Node) -> Iterator[Diagnostic]:
    """A variable's name is one that a container takes."""
    for name, entry in items(node, "environment_variables"):
        if not _NAME.fullmatch(name):
            message = f"`environment_variables` holds `{name}`, a name that containers refuse"
            remedy = "Use letters, digits, `_`, `-` and `.`, and no digit in front."
            yield warning_at(entry.key_at, message, remedy, "variable-name")


def client_id(node: Node) -> Iterator[Diagnostic]:
    """The client id of an identity is a GUID."""
    value = _value(node, CLIENT_ID)
    if value is not None and not _GUID.fullmatch(value) and not holds_placeholder(value):
        message = f"`{CLIENT_ID}` is no client id: a GUID of the form 00000000-0000-0000-0000-000000000000 is expected"
        remedy = "Take the client id, not the name or the resource id, from the identity's overview."
        yield warning_at(_at(node, CLIENT_ID), message, remedy, "client-id")


def config_override(node: Node) -> Iterator[Diagnostic]:
    """PRT_CONFIG_OVERRIDE is a list of `part=value` that names the workspace, and the deployment as it is called."""
    value = _value(node, CONFIG_OVERRIDE)
    if value is None or value.startswith("${"):
        return
    written = [part.strip().partition("=") for part in value.split(",")]
    at = _at(node, CONFIG_OVERRIDE)
    if not all(name and sign for name, sign, _ in written):
        message = (
            f"`{CONFIG_OVERRIDE}` must be parts `name=value` with commas between, found a part without name or `=`"
        )
        yield error_at(at, message, _FORM, "config-override")
        return
    said = {name.strip(): part.strip() for name, _, part in written}
    yield from _unknown_parts(said, at)
    yield from _missing_parts(said, at)
    yield from _other_names(said, node, at)


def _unknown_parts(said: Mapping[str, str], at: Mark) -> Iterator[Diagnostic]:
    for name in said:
        if name not in _PARTS and (meant := nearest(name, _PARTS)):
            message = f"`{CONFIG_OVERRIDE}` holds the unknown part `{name}`"
            yield warning_at(at, message, f"Did you mean `{meant}`?", "config-override")


def _missing_parts(said: Mapping[str, str], at: Mark) -> Iterator[Diagnostic]:
    missing = [name for name in _WORKSPACE_PARTS if not said.get(name)]
    if missing:
        message = f"`{CONFIG_OVERRIDE}` lacks {', '.join(missing)}: the flow's server finds no workspace"
        yield warning_at(at, message, _FORM, "config-override")


def _other_names(said: Mapping[str, str], node: Node, at: Mark) -> Iterator[Diagnostic]:
    for part, key in _OWN_NAMES.items():
        own, named = text(node, key), said.get(part)
        if own and named and named != own and not holds_placeholder(named) and not holds_placeholder(own):
            message = f"`{part}` in `{CONFIG_OVERRIDE}` is another one than the deployment's `{key}`, `{own}`"
            yield warning_at(at, message, f"Write `{part}={own}`.", "config-override")


def _value(node: Node, name: str) -> str | None:
    """Return the variable's text; None where it is missing, or a secret reference that tells nothing yet."""
    found = dig(node, "environment_variables", name)
    value = as_text(found) if isinstance(found, ScalarNode) else None
    if value and "${" in value:
        from sluice.spec.references import secret_reference

        return None if secret_reference(value, node.at) else value
    return value or None


def _at(node: Node, name: str) -> Mark:
    return mark_of(node, "environment_variables", name)


def serving(node: Node) -> Iterator[Diagnostic]:
    """What prompt flow's server reads, it can read: it does not start, or not answer, otherwise."""
    for name, (pattern, wanted) in _SERVING.items():
        value = _value(node, name)
        if value is not None and not pattern.fullmatch(value.strip()) and not holds_placeholder(value):
            yield error_at(_at(node, name), f"`{name}` must be {wanted}", "", "serving-variable")
    value = _value(node, INCLUDED_FIELDS)
    if value is not None and not holds_placeholder(value) and not _is_list_of_names(value):
        message = f"`{INCLUDED_FIELDS}` must be a JSON list of names of outputs"
        remedy = """Write for example `'["answer"]'`."""
        yield error_at(_at(node, INCLUDED_FIELDS), message, remedy, "serving-variable")


def _is_list_of_names(value: str) -> bool:
    import json

    try:
        found = json.loads(value)
    except ValueError:
        return False
    return isinstance(found, list) and all(isinstance(one, str) for one in found)


RULES = (names, client_id, config_override, serving)
