"""Workspace connections as ARM resources: every type, in the workspace's form and in prompt flow's. Pure.

Azure ML and prompt flow both read them: the category, the credentials and the metadata are those that Azure's own
loader writes, and where it has no word for a type, those that prompt flow's reader of workspaces understands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from sluice.errors import Mark
from sluice.plan.azure_site import Site, Tree
from sluice.plan.azure_values import camel, part, text, texts, without_none
from sluice.plan.graph import Resource
from sluice.spec.frozen import frozen_map
from sluice.spec.models import Connection
from sluice.spec.references import secret_or_literal, secret_reference
from sluice.spec.terms import SecretReference, Value

_TARGETS: Final = ("target", "api_base", "base_url", "url", "azure_endpoint", "endpoint")
_CATEGORIES: Final = {
    "custom": "CustomKeys",
    "qdrant": "CustomKeys",
    "weaviate": "CustomKeys",
    "azure_data_lake_gen2": "ADLSGen2",
    "azure_content_safety": "CognitiveService",
    "azure_speech_services": "CognitiveService",
    "form_recognizer": "CognitiveService",
    "azure_ai_search": "CognitiveSearch",
    "azure_ai_services": "AIServices",
    "azure_open_ai": "AzureOpenAI",
    "open_ai": "OpenAI",
}
_KINDS: Final = {
    "azure_content_safety": "Content Safety",
    "azure_speech_services": "speech",
    "form_recognizer": "Form Recognizer",
}
# Prompt flow's own classes, where the workspace has only keys and metadata.
_CLASSES: Final = {"custom": "Custom", "qdrant": "Qdrant", "weaviate": "Weaviate"}
# Types that take an API key, or else Entra ID.
_KEY_OR_ENTRA: Final = frozenset({
    "azure_open_ai", "azure_ai_services", "azure_ai_search", "cognitive_search", "azure_content_safety",
    "azure_speech_services", "form_recognizer", "serverless", "api_key", "open_ai", "serp",
})  # fmt: skip
# Data stores: without credentials they are reached by Entra ID.
_STORES: Final = frozenset({"azure_blob", "azure_data_lake_gen2", "azure_one_lake"})
_AUTH: Final = {
    "api_key": "ApiKey", "pat": "PAT", "sas": "SAS", "username_password": "UsernamePassword",
    "managed_identity": "ManagedIdentity", "service_principal": "ServicePrincipal", "access_key": "AccessKey",
    "account_key": "AccountKey", "aad": "AAD", "none": "None",
}  # fmt: skip
# YAML's key of a credential -> ARM's.
_CREDENTIALS: Final = {
    "key": "key", "pat": "pat", "sas_token": "sas", "account_key": "sas", "username": "username",
    "password": "password", "client_id": "clientId", "client_secret": "clientSecret", "tenant_id": "tenantId",
    "resource_id": "resourceId", "access_key_id": "accessKeyId", "secret_access_key": "secretAccessKey",
}  # fmt: skip
_RESOURCES: Final = ("open_ai_resource_id", "ai_services_resource_id", "resource_id")
_STRONG_TYPE: Final = "promptflow.connection."
_STRONG_TYPE_KEYS: Final = ("custom_type", "module", "package", "package_version")
_NOWHERE: Final = Mark("")
_ID = re.compile(r".{7}-.{4}-.{4}-.{4}.{12}")  # as Azure's own loader tells an id from a name


def connection_resource(connection: Connection, tree: Tree, site: Site) -> Resource:
    """Return a connection as a resource."""
    properties = {"id": site.within("connections", connection.name), "body": connection_body(connection, tree)}
    return Resource("WorkspaceConnection", connection.name, frozen_map(properties))


def connection_body(connection: Connection, tree: Tree) -> dict[str, Any]:
    """Return a connection's body; secrets stay references."""
    type_ = str(tree.get("type"))
    category = _CATEGORIES.get(type_) or str(camel(type_))
    auth, credentials = _credentials(connection, type_, tree)
    properties = {
        "category": category,
        "authType": auth,
        "target": _target(type_, tree),
        "credentials": credentials,
        "metadata": _metadata(type_, tree),
        "isSharedToAll": tree.get("is_shared", True),
    }
    return {"properties": without_none(properties)}


def by_entra(tree: Tree) -> bool:
    """Tell whether whoever uses a connection proves itself by its own identity, not by a key."""
    return str(tree.get("type")) in _KEY_OR_ENTRA and _auth_type(str(tree.get("type")), tree) == "aad"


def resource_of(tree: Tree) -> str | None:
    """Return the ARM id of the service a connection leads to, where it is written."""
    return next((str(tree[key]) for key in _RESOURCES if tree.get(key)), None)


def _auth_type(type_: str, tree: Tree) -> str:
    credentials = part(tree, "credentials") or {}
    if type_ in _KEY_OR_ENTRA:
        keyed = tree.get("api_key") or (credentials.get("type") == "api_key" and credentials.get("key"))
        return "api_key" if keyed and tree.get("auth_mode", "key") == "key" else "aad"
    if part(tree, "secrets") is not None or part(tree, "configs") is not None or type_ in {"qdrant", "weaviate"}:
        return "keys"
    said = str(credentials.get("type") or "none")
    return "aad" if said == "none" and type_ in _STORES else said


def _credentials(connection: Connection, type_: str, tree: Tree) -> tuple[str, dict[str, Any] | None]:
    kind = _auth_type(type_, tree)
    if kind == "keys":
        return "CustomKeys", {"keys": dict(_keys(connection, tree))}
    if kind in {"none", "aad"}:
        return _AUTH[kind], None
    if kind == "api_key":
        key = tree.get("api_key") or (part(tree, "credentials") or {}).get("key")
        return _AUTH[kind], {"key": _secret(connection, key)}
    given = part(tree, "credentials") or {}
    found = {_CREDENTIALS[name]: value for name, value in given.items() if name in _CREDENTIALS}
    return _AUTH[kind], {name: _credential(connection, name, value) for name, value in found.items()}


def _keys(connection: Connection, tree: Tree) -> Mapping[str, SecretReference]:
    """Return what is kept secret of a connection of keys."""
    named = part(tree, "secrets") or {}
    return {name: secret for name, secret in connection.secrets.items() if name in named or name == "api_key"}


def _credential(connection: Connection, name: str, value: Any) -> Any:
    plain = name in {"username", "clientId", "tenantId", "resourceId", "accessKeyId"}
    return secret_reference(str(value), connection.at) or str(value) if plain else _secret(connection, value)


def _secret(connection: Connection, value: Any) -> SecretReference:
    return secret_or_literal(str(value), connection.at)


def _target(type_: str, tree: Tree) -> Value | None:
    if type_ == "azure_one_lake" and not tree.get("target"):
        return _one_lake(tree)
    found = next((_value(text(tree[key])) for key in _TARGETS if tree.get(key)), None)
    # A connection of nothing but keys has no address; the service wants the property all the same.
    return found or ("_" if type_ in _CLASSES and part(tree, "credentials") is None else None)


def _one_lake(tree: Tree) -> str:
    name = str((part(tree, "artifact") or {}).get("name"))
    lake = name if _ID.match(name) else f"{name}.Lakehouse"
    return f"https://{tree.get('endpoint')}/{tree.get('one_lake_workspace_name')}/{lake}"


def _metadata(type_: str, tree: Tree) -> dict[str, Value]:
    """Return the metadata: what a connection says besides its address and its secrets."""
    own = {
        "ApiVersion": tree.get("api_version"),
        "ApiType": tree.get("api_type", "Azure") if type_ == "azure_open_ai" else None,
        "ResourceId": resource_of(tree) if type_ in {"azure_open_ai", "azure_ai_services"} else None,
        "Kind": _KINDS.get(type_),
        "ContainerName": tree.get("container_name"),
        "AccountName": tree.get("account_name"),
        "organization": tree.get("organization"),
    }
    told = {**texts(part(tree, "tags")), **texts(part(tree, "metadata")), **texts(part(tree, "configs"))}
    return {key: _value(value) for key, value in {**told, **texts(own), **_flow_metadata(type_, tree)}.items()}


def _flow_metadata(type_: str, tree: Tree) -> dict[str, str]:
    """Return what tells prompt flow the class of a connection that is nothing but keys to the workspace."""
    if type_ not in _CLASSES or _auth_type(type_, tree) != "keys":
        return {}
    told = {"azureml.flow.connection_type": _CLASSES[type_], "azureml.flow.module": "promptflow.connections"}
    if type_ != "custom":
        return told | texts({"api_base": next((tree[key] for key in _TARGETS if tree.get(key)), None)})
    return told | texts({f"{_STRONG_TYPE}{name}": tree.get(name) for name in _STRONG_TYPE_KEYS})


def _value(written: str | None) -> Value:
    """Return a plain value; one that is a reference to a secret stays one."""
    return secret_reference(written or "", _NOWHERE) or written or ""
