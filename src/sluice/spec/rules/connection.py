"""Rules of a connection by itself. No message holds a secret."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sluice.spec.build_connection import connection_type, secret_values
from sluice.spec.findings import error_at, warning_at
from sluice.spec.models import Diagnostic
from sluice.spec.nodes import Node, dig, items, mark_of, text
from sluice.spec.references import secret_reference, secret_reference_fault

_ADDRESSES = ("target", "azure_endpoint", "api_base", "endpoint", "base_url", "url")
_PROMPT_FLOW_KEYS = ("api_base", "base_url", "secrets", "configs", "api_type", "module")
_NEEDS_ADDRESS = frozenset({
    "azure_open_ai", "serverless", "cognitive_search", "azure_ai_services", "azure_content_safety",
    "azure_speech_services", "form_recognizer", "qdrant", "weaviate", "api_key", "git", "python_feed",
    "container_registry", "s3", "snowflake", "azure_sql_db", "azure_synapse_analytics", "azure_my_sql_db",
    "azure_postgres_db", "azure_data_lake_gen2",
})  # fmt: skip
_NEEDS_KEY = frozenset({
    "open_ai", "serp", "serverless", "api_key", "qdrant", "weaviate", "form_recognizer", "custom",
})  # fmt: skip
_CREDENTIALS: Mapping[str, tuple[str, ...]] = {
    "git": ("pat", "username_password", "none"),
    "python_feed": ("pat", "username_password", "none"),
    "container_registry": ("managed_identity", "username_password"),
    "azure_blob": ("account_key", "sas", "aad"),
    "azure_data_lake_gen2": ("service_principal", "aad", "managed_identity"),
    "azure_one_lake": ("service_principal", "aad"),
    "s3": ("access_key",),
}
_REFERENCE = "Give a reference: `${config:NAME}`, `${env:NAME}` or `${keyvault:VAULT/NAME}`."


def secrets(node: Node) -> Iterator[Diagnostic]:
    """A secret is a reference; one written out is a warning, a reference that can't be followed an error."""
    for path, value, at in secret_values(node):
        if secret_reference(value, at):
            continue
        fault = secret_reference_fault(value)
        if fault:
            yield error_at(at, f"`{path}`: {fault}", _REFERENCE, "secret-reference")
        elif value.startswith("<") and value.endswith(">"):
            yield warning_at(at, f"`{path}` holds a placeholder", _REFERENCE, "literal-secret")
        else:
            yield warning_at(at, f"`{path}` holds a secret in the open", _REFERENCE, "literal-secret")


def address(node: Node) -> Iterator[Diagnostic]:
    """A connection to a service has the service's address."""
    type_ = connection_type(node)
    if type_ in _NEEDS_ADDRESS and not any(text(node, key) for key in _ADDRESSES):
        remedy = "Add `target`, `api_base` or `endpoint`."
        yield error_at(node.at, f"a connection of the type {text(node, 'type')} needs an address", remedy, "required")


def key(node: Node) -> Iterator[Diagnostic]:
    """A connection that knows no Entra ID has a secret."""
    type_ = connection_type(node)
    if type_ in _NEEDS_KEY and not any(True for _ in secret_values(node)):
        what = "`secrets`" if type_ == "custom" else "`api_key`"
        message = f"a connection of the type {text(node, 'type')} has no secret"
        found = warning_at if type_ == "custom" else error_at
        yield found(node.at, message, f"Add {what}. {_REFERENCE}", "required")


def name_length(node: Node) -> Iterator[Diagnostic]:
    """A workspace takes names of 33 characters; prompt flow itself takes longer ones."""
    name = text(node, "name") or ""
    if len(name) <= 33:
        return
    of_prompt_flow = any(dig(node, key) for key in _PROMPT_FLOW_KEYS)
    message = f"`name` has {len(name)} characters; a workspace takes at most 33"
    found = warning_at if of_prompt_flow else error_at
    yield found(mark_of(node, "name"), message, "Shorten it here and in the flows that use it.", "name")


def custom_only(node: Node) -> Iterator[Diagnostic]:
    """`secrets` and `configs` are the parts of a custom connection."""
    for group in ("secrets", "configs"):
        if dig(node, group) and connection_type(node) != "custom":
            message = f"`{group}` is a key of custom connections, found it with the type {text(node, 'type')}"
            yield error_at(mark_of(node, group), message, "Use the type's own keys, such as `api_key`.", "unknown-key")


def credentials(node: Node) -> Iterator[Diagnostic]:
    """Services take certain credentials."""
    type_, given = text(node, "type") or "", text(node, "credentials", "type")
    if given and given not in _CREDENTIALS.get(type_, (given,)):
        message = f"a connection of the type {type_} takes {', '.join(_CREDENTIALS[type_])}; found `{given}`"
        yield warning_at(mark_of(node, "credentials", "type"), message, "", "credentials")


def twice(node: Node) -> Iterator[Diagnostic]:
    """A key of the same name is plain or secret, not both."""
    hidden = {name for name, _ in items(node, "secrets")}
    for name, entry in items(node, "configs"):
        if name in hidden:
            yield error_at(
                entry.key_at, f"`{name}` is in `configs` and in `secrets`", "Keep the secret one.", "duplicate"
            )


RULES = (secrets, address, key, name_length, custom_only, credentials, twice)
