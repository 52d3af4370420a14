from __future__ import annotations

import pytest

from sluice.spec.build_connection import build_connection
from sluice.spec.kinds import Kind
from sluice.spec.models import Connection
from sluice.spec.parse import parse_documents
from sluice.spec.schema import normalised, top
from sluice.spec.terms import SecretReference, SecretScheme

KEY = SecretReference(SecretScheme.CONFIG, "KEY")


def read(text: str) -> Connection:
    return build_connection(normalised(parse_documents("name: c\n" + text, "c.yaml")[0], top(Kind.CONNECTION)))


@pytest.mark.parametrize(
    "text",
    [
        "type: azure_open_ai\nazure_endpoint: https://e\napi_key: ${config:KEY}\napi_version: 2024-05-01",
        "type: AzureOpenAI\napi_base: https://e\napi_key: ${config:KEY}\napi_type: azure\napi_version: '2024-05-01'",
        "type: azure_open_ai\ntarget: https://e\ncredentials: {type: api_key, key: '${config:KEY}'}\n"
        "api_version: 2024-05-01",
    ],
)
def test_both_forms_are_one(text: str) -> None:
    found = read(text)
    configs = {key: value for key, value in found.configs.items() if key != "auth_type"}

    assert found.type == "azure_open_ai"
    assert configs == {
        "api_base": "https://e",
        "api_type": "azure",
        "api_version": "2024-05-01",
        "auth_mode": "key",
    }
    assert found.secrets == {"api_key": KEY}


def test_without_a_key_entra_id_is_used() -> None:
    found = read("type: azure_open_ai\nazure_endpoint: https://e\nopen_ai_resource_id: /subscriptions/a")

    assert found.configs["auth_mode"] == "meid_token"
    assert found.configs["resource_id"] == "/subscriptions/a"
    assert found.secrets == {}


def test_custom_of_prompt_flow() -> None:
    found = read(
        "type: custom\nsecrets: {k: '${config:KEY}', literal: hush}\nconfigs: {endpoint: https://e, n: 1}\n"
        "module: my.connections\ncustom_type: Mine\npackage: mine\npackage_version: 0.1"
    )

    assert found.configs == {
        "endpoint": "https://e",
        "n": "1",
        "promptflow.connection.module": "my.connections",
        "promptflow.connection.custom_type": "Mine",
        "promptflow.connection.package": "mine",
        "promptflow.connection.package_version": "0.1",
    }
    assert found.secrets == {"k": KEY, "literal": SecretReference(SecretScheme.LITERAL, "hush")}
    assert "hush" not in repr(found)


@pytest.mark.parametrize(
    ("text", "type_", "configs"),
    [
        ("type: api_key\napi_base: https://e\napi_key: ${config:KEY}\nmetadata: {region: eu}", "api_key",
         {"api_base": "https://e", "region": "eu"}),
        ("type: custom\ntarget: https://e\ncredentials: {type: api_key, key: '${config:KEY}'}\nmetadata: {a: b}",
         "custom", {"target": "https://e", "a": "b", "auth_type": "api_key"}),
        ("type: serverless\nendpoint: https://e\napi_key: ${config:KEY}", "serverless", {"api_base": "https://e"}),
        ("type: open_ai\nbase_url: https://e\norganization: o\napi_key: ${config:KEY}", "open_ai",
         {"base_url": "https://e", "organization": "o"}),
        ("type: azure_ai_search\nendpoint: https://e\napi_key: ${config:KEY}", "cognitive_search",
         {"api_base": "https://e", "auth_mode": "key"}),
        ("type: serp\napi_key: ${config:KEY}", "serp", {}),
    ],
)  # fmt: skip
def test_types(text: str, type_: str, configs: dict[str, str]) -> None:
    found = read(text)

    assert (found.type, found.configs, found.secrets) == (type_, configs, {"api_key": KEY})


def test_credentials_keep_plain_and_secret_apart() -> None:
    found = read("type: git\ntarget: https://e\ncredentials: {type: username_password, username: u, password: hush}")

    assert found.configs == {"target": "https://e", "auth_type": "username_password", "username": "u"}
    assert found.secrets == {"password": SecretReference(SecretScheme.LITERAL, "hush")}


def test_a_plain_value_written_as_a_reference_is_followed() -> None:
    found = read("type: open_ai\nbase_url: ${env:BASE}\napi_key: ${config:KEY}")

    assert found.secrets == {"api_key": KEY, "base_url": SecretReference(SecretScheme.ENV, "BASE")}
    assert found.configs == {}
