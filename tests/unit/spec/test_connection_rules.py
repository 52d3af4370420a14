from __future__ import annotations

from pathlib import Path

import pytest

from sluice.spec.checking import check_document
from sluice.spec.documents import Document
from sluice.spec.kinds import Kind
from sluice.spec.parse import parse_documents
from sluice.spec.rules.connection_forms import CREDENTIAL_KEYS, CREDENTIALS, forms_of
from sluice.spec.schema import at, top

KEY = "api_key: ${env:KEY}\n"
PROMPT_FLOW = "$schema: https://azuremlschemas.azureedge.net/promptflow/latest/AnyConnection.schema.json\n"
PLACE = top(Kind.CONNECTION)
TYPES = at(PLACE, None, ("type",)).schema["enum"]


def told(text: str) -> list[str]:
    node = parse_documents("name: one\n" + text, "c.yml")[0]
    found = check_document(Document(Kind.CONNECTION, node), Path("/")).diagnostics
    return [f"{one.severity} {one.code} {one.message}" for one in found]


def codes(text: str) -> list[str]:
    return [" ".join(one.split()[:2]) for one in told(text)]


@pytest.mark.parametrize("type_", TYPES)
def test_every_type_has_a_form_whose_keys_the_schema_knows(type_: str) -> None:
    assert forms_of(type_)
    for form in forms_of(type_):
        assert form.keys <= set(PLACE.keys)
        assert {key for keys in form.needed for key in keys} <= form.keys


def test_the_tables_of_credentials_fit_the_schema() -> None:
    place = at(PLACE, None, ("credentials",))

    assert set(CREDENTIAL_KEYS) == set(at(place, None, ("type",)).schema["enum"])
    assert {sign.rstrip("!") for listed in CREDENTIAL_KEYS.values() for sign in listed.split()} <= set(place.keys)
    assert set(CREDENTIALS) <= set(TYPES)
    assert {one for taken in CREDENTIALS.values() for one in taken} <= set(CREDENTIAL_KEYS)


@pytest.mark.parametrize(
    "text",
    [
        "type: azure_open_ai\nazure_endpoint: https://e\n" + KEY,
        "type: azure_open_ai\nazure_endpoint: https://e\napi_key: null\nopen_ai_resource_id: null\n",
        "type: azure_open_ai\napi_base: https://e\napi_type: azure\n" + KEY,
        "type: azure_open_ai\napi_base: https://e\nauth_mode: meid_token\n",
        "type: AzureOpenAI\ntarget: https://e\ncredentials: {type: api_key, key: '${env:KEY}'}\n",
        "type: azure_ai_services\nendpoint: https://e\nai_services_resource_id: /subscriptions/a\n",
        PROMPT_FLOW + "type: azure_ai_services\nendpoint: https://e\n" + KEY,
        "type: azure_ai_search\nendpoint: https://e\n",
        "type: cognitive_search\napi_base: https://e\nauth_mode: meid_token\n",
        "type: azure_content_safety\nendpoint: https://e\napi_version: '1'\napi_type: Content Safety\n" + KEY,
        "type: azure_content_safety\nendpoint: https://e\n",
        "type: azure_speech_services\nendpoint: https://e\nis_shared: false\n",
        "type: open_ai\norganization: o\nbase_url: ''\n" + KEY,
        "type: serp\n" + KEY,
        "type: serverless\nendpoint: https://e\n" + KEY,
        "type: serverless\napi_base: https://e\n" + KEY,
        "type: qdrant\napi_base: https://e\n" + KEY,
        "type: api_key\napi_base: https://e\nmetadata: {a: 1}\n" + KEY,
        "type: custom\nsecrets: {a: '${env:A}'}\n",
        "type: custom\ntarget: https://e\ncredentials: {type: api_key, key: '${env:KEY}'}\n",
        "type: custom\nsecrets: {a: '${env:A}'}\nmodule: m\ncustom_type: T\npackage: p\npackage_version: '1'\n",
        "type: git\ntarget: https://e\ncredentials: {type: pat, pat: '${env:PAT}'}\n",
        "type: git\ntarget: https://e\ncredentials: {type: none}\n",
        "type: container_registry\ntarget: e\ncredentials: {type: managed_identity, client_id: a, resource_id: b}\n",
        "type: azure_data_lake_gen2\ntarget: e\n"
        "credentials: {type: service_principal, client_id: a, client_secret: '${env:S}', tenant_id: t}\n",
        "type: azure_blob\nurl: https://e\naccount_name: a\ncontainer_name: c\n",
        "type: azure_one_lake\nendpoint: http://e\nartifact: {type: lake_house, name: l}\none_lake_workspace_name: w\n",
        "type: azure_one_lake\nendpoint: https://e\nartifact: null\n",
        "type: s3\ntarget: b\ncredentials: {type: access_key, access_key_id: a, secret_access_key: '${env:S}'}\n",
        "type: snowflake\ntarget: jdbc\ncredentials: {type: username_password, username: u, password: '${env:P}'}\n",
    ],
)
def test_right_connections(text: str) -> None:
    assert told(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("type: azure_open_ai\n" + KEY, ["error required"]),
        ("type: azure_ai_services\nendpoint: https://e\n", ["error required"]),
        ("type: azure_ai_services\nendpoint: https://e\n" + KEY, ["warning required"]),
        (PROMPT_FLOW + "type: azure_open_ai\napi_base: https://e\nauth_mode: key\n", ["error required"]),
        ("type: serp\n", ["error required"]),
        ("type: serp\nendpoint: https://e\n" + KEY, ["error unknown-key"]),
        ("type: azure_ai_search\nendpoint: https://e\napi_version: '1'\n", ["error unknown-key"]),
        ("type: custom\nconfigs: {a: b}\n", ["error required"]),
        ("type: custom\nsecrets: {a: '${env:A}'}\npackage: p\n", ["error required"] * 3),
        ("type: azure_blob\nurl: https://e\naccount_name: a\n", ["error required"]),
        ("type: azure_one_lake\nendpoint: https://e\nartifact: {type: warehouse, name: l}\n", ["error enum"]),
        ("type: git\ntarget: https://e\ncredentials: {type: pat}\n", ["error required"]),
        ("type: git\ntarget: https://e\ncredentials: {type: none, pat: '${env:PAT}'}\n", ["error unknown-key"]),
        ("type: git\ntarget: https://e\ncredentials: {type: sas, sas_token: '${env:T}'}\n", ["warning credentials"]),
        ("type: git\ntarget: https://e\ncredentials: {type: pat, pat: }\n", ["error type"]),
        ("type: custom\nsecrets: {a: 1234}\n", ["warning literal-secret", "error type"]),
    ],
)
def test_wrong_connections(text: str, expected: list[str]) -> None:
    assert sorted(codes(text)) == sorted(expected)


@pytest.mark.parametrize("written", ["my-resource.openai.azure.com", "not a url"])
def test_an_address_without_a_scheme_is_told(written: str) -> None:
    assert any("does not begin with" in one for one in told(f"type: azure_open_ai\nazure_endpoint: {written}\n{KEY}"))


@pytest.mark.parametrize("written", ["https://r.openai.azure.com", "<address>", "${env:ADDRESS}"])
def test_an_address_that_is_one_or_becomes_one_is_right(written: str) -> None:
    found = told(f"type: azure_open_ai\nazure_endpoint: {written}\n{KEY}")
    assert not any("does not begin with" in one for one in found)
