"""Connections of both forms, as one: prompt flow's field names, plain values apart from secret ones."""

from __future__ import annotations

from collections.abc import Iterator

from sluice.errors import Mark
from sluice.spec.frozen import frozen_map
from sluice.spec.models import Connection
from sluice.spec.nodes import Node, dig, items, text
from sluice.spec.references import secret_or_literal, secret_reference
from sluice.spec.terms import SecretReference
from sluice.spec.values import as_text, text_map

# Workspace types that prompt flow calls otherwise.
_TYPES = {"azure_ai_search": "cognitive_search"}

# The field that holds the service's address, by type; `target` where no other is named.
_ADDRESS = {
    "azure_open_ai": "api_base",
    "serverless": "api_base",
    "cognitive_search": "api_base",
    "api_key": "api_base",
    "qdrant": "api_base",
    "weaviate": "api_base",
    "open_ai": "base_url",
    "azure_ai_services": "endpoint",
    "azure_content_safety": "endpoint",
    "azure_speech_services": "endpoint",
    "form_recognizer": "endpoint",
}
_ADDRESS_KEYS = frozenset({"target", "azure_endpoint", "api_base", "base_url", "endpoint", "url"})
_RESOURCE_KEYS = frozenset({"resource_id", "open_ai_resource_id", "ai_services_resource_id"})
_PLAIN_KEYS = frozenset({
    "api_version", "api_type", "organization", "account_name", "container_name", "one_lake_workspace_name",
})  # fmt: skip
_STRONG_TYPE_KEYS = ("module", "custom_type", "package", "package_version")
_SECRET_CREDENTIALS = frozenset({
    "key", "pat", "sas_token", "password", "client_secret", "secret_access_key", "account_key",
})  # fmt: skip
_KEYLESS_TYPES = frozenset({"azure_open_ai", "azure_ai_services", "cognitive_search"})

Field = tuple[str, str, Mark]


def build_connection(node: Node) -> Connection:
    """Return the connection that `node` says, in whichever form it is written.

    A plain value written as a secret reference goes to `secrets` under its own key.
    """
    type_ = connection_type(node)
    plain = [*_plain_fields(node, type_), *_credential_fields(node, secret=False), *_map_fields(node, "configs")]
    hidden = [*_secret_fields(node), *_credential_fields(node, secret=True), *_map_fields(node, "secrets")]
    secrets = {key: secret_or_literal(value, at) for key, value, at in hidden}
    secrets |= {key: found for key, value, at in plain if (found := secret_reference(value, at))}
    configs = {key: value for key, value, _ in plain if key not in secrets}
    return Connection(
        name=text(node, "name") or "",
        type=type_,
        at=node.at,
        configs=frozen_map(_defaults(type_, secrets) | configs),
        secrets=frozen_map(secrets),
        description=text(node, "description") or "",
        tags=text_map(node, "tags"),
    )


def connection_type(node: Node) -> str:
    """Return the connection's type under prompt flow's name; types that prompt flow lacks keep their own."""
    written = text(node, "type") or ""
    return _TYPES.get(written, written)


def secret_values(node: Node) -> Iterator[Field]:
    """Yield dotted path, text and place of every value that is to be kept secret."""
    for key in ("api_key",):
        if value := text(node, key):
            yield key, value, node_mark(node, key)
    for group in ("credentials", "secrets"):
        for key, entry in items(node, group):
            value = as_text(entry.node)
            if value and (group == "secrets" or key in _SECRET_CREDENTIALS):
                yield f"{group}.{key}", value, entry.node.at


def node_mark(node: Node, key: str) -> Mark:
    """Return where the value of `key` stands."""
    found = dig(node, key)
    return found.at if found else node.at


def _defaults(type_: str, secrets: dict[str, SecretReference]) -> dict[str, str]:
    mode = {"auth_mode": "key" if "api_key" in secrets else "meid_token"} if type_ in _KEYLESS_TYPES else {}
    return mode | ({"api_type": "azure"} if type_ == "azure_open_ai" else {})


def _plain_fields(node: Node, type_: str) -> Iterator[Field]:
    yield from _map_fields(node, "metadata")
    for key, entry in items(node):
        value, at = as_text(entry.node), entry.node.at
        if not value:
            continue
        if key in _ADDRESS_KEYS:
            yield _ADDRESS.get(type_, "target"), value, at
        elif key in _RESOURCE_KEYS:
            yield "resource_id", value, at
        elif key in _PLAIN_KEYS:
            yield key, value, at
        elif key == "auth_mode":
            yield key, value if value == "key" else "meid_token", at
        elif key in _STRONG_TYPE_KEYS and type_ == "custom":
            yield f"promptflow.connection.{key}", value, at


def _secret_fields(node: Node) -> Iterator[Field]:
    if value := text(node, "api_key"):
        yield "api_key", value, node_mark(node, "api_key")


def _credential_fields(node: Node, *, secret: bool) -> Iterator[Field]:
    """Yield the credentials: an API key counts as `api_key`, their type as `auth_type`, the rest keep their names."""
    for key, entry in items(node, "credentials"):
        value = as_text(entry.node)
        if value and secret == (key in _SECRET_CREDENTIALS):
            yield {"key": "api_key", "type": "auth_type"}.get(key, key), value, entry.node.at


def _map_fields(node: Node, group: str) -> Iterator[Field]:
    for key, entry in items(node, group):
        yield key, as_text(entry.node), entry.node.at
