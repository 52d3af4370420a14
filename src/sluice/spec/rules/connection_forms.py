"""The two forms of connection files, as data: a workspace's and prompt flow's keys, and what each type needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

# Keys that every file of a form may have.
_OF_A_WORKSPACE: Final = "$schema id name description tags creation_context type target credentials is_shared metadata"
_OF_PROMPT_FLOW: Final = "$schema name type module"

# Keys of each type; one with `!` is needed, of several with `|` between them one is.
_WORKSPACE: Final[Mapping[str, str]] = {
    "git": "target!",
    "container_registry": "target!",
    "python_feed": "target!",
    "s3": "target!",
    "snowflake": "target!",
    "azure_sql_db": "target!",
    "azure_synapse_analytics": "target!",
    "azure_my_sql_db": "target!",
    "azure_postgres_db": "target!",
    "azure_data_lake_gen2": "target!",
    "custom": "target!",
    "azure_blob": "url|target! account_name! container_name!",
    "azure_one_lake": "endpoint|target! artifact one_lake_workspace_name",
    "azure_open_ai": "azure_endpoint|target! api_key api_version open_ai_resource_id",
    "azure_ai_services": "endpoint|target! ai_services_resource_id! api_key",
    "azure_ai_search": "endpoint|target! api_key",
    "azure_content_safety": "endpoint|target! api_key",
    "azure_speech_services": "endpoint|target! api_key",
    "api_key": "api_base|target! api_key|credentials!",
    "open_ai": "api_key|credentials!",
    "serp": "api_key|credentials!",
    "serverless": "endpoint|target! api_key|credentials!",
}
# `api_key?` is needed unless `auth_mode` says Entra ID.
_PROMPT_FLOW: Final[Mapping[str, str]] = {
    "azure_open_ai": "api_base! api_key? auth_mode api_type api_version resource_id",
    "open_ai": "api_key! organization base_url",
    "serverless": "api_key! api_base!",
    "qdrant": "api_key! api_base!",
    "weaviate": "api_key! api_base!",
    "cognitive_search": "api_base! api_key? auth_mode api_version",
    "azure_ai_services": "endpoint! api_key? auth_mode",
    "azure_content_safety": "api_key! endpoint! api_version api_type",
    "form_recognizer": "api_key! endpoint! api_version api_type",
    "serp": "api_key!",
    "custom": "secrets! configs custom_type package package_version",
}
STRONG_TYPE: Final = ("custom_type", "module", "package", "package_version")

# Keys of each kind of credentials, and how a type may be given them; types that are not listed take any.
CREDENTIAL_KEYS: Final[Mapping[str, str]] = {
    "pat": "pat!",
    "sas": "sas_token!",
    "username_password": "username! password!",
    "managed_identity": "client_id resource_id",
    "service_principal": "client_id tenant_id client_secret!",
    "access_key": "access_key_id! secret_access_key!",
    "api_key": "key!",
    "account_key": "account_key!",
    "aad": "",
    "none": "",
}
CREDENTIALS: Final[Mapping[str, tuple[str, ...]]] = {
    "git": ("pat", "username_password", "none"),
    "python_feed": ("pat", "username_password", "none"),
    "container_registry": ("managed_identity", "username_password"),
    "azure_blob": ("account_key", "sas", "aad"),
    "azure_data_lake_gen2": ("service_principal", "aad", "managed_identity"),
    "azure_one_lake": ("service_principal", "aad"),
    "s3": ("access_key",),
    "snowflake": ("username_password",),
    "azure_sql_db": ("username_password",),
    "azure_synapse_analytics": ("username_password",),
    "azure_my_sql_db": ("username_password",),
    "azure_postgres_db": ("username_password",),
}


@dataclass(frozen=True)
class Form:
    """What a file may hold, and what it needs: of each group of keys at least one."""

    name: str
    keys: frozenset[str]
    needed: tuple[tuple[str, ...], ...]
    key_or_entra_id: bool = False


def forms_of(type_: str) -> tuple[Form, ...]:
    """Return the forms in which a connection of a type is written: a workspace's first."""
    tables = (("workspace", _OF_A_WORKSPACE, _WORKSPACE), ("prompt flow", _OF_PROMPT_FLOW, _PROMPT_FLOW))
    return tuple(form(name, common, table[type_]) for name, common, table in tables if type_ in table)


def form(name: str, common: str, listed: str) -> Form:
    """Return the form that a line of the tables says."""
    signs = listed.split()
    alternatives = [tuple(sign.rstrip("!?").split("|")) for sign in signs]
    return Form(
        name,
        frozenset(common.split()).union(*alternatives),
        tuple(keys for sign, keys in zip(signs, alternatives, strict=True) if sign.endswith("!")),
        any(sign == "api_key?" for sign in signs),
    )
