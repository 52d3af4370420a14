"""Forms that people get wrong: told once, with the right one, and never with a secret. The cases have the words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.spec.checking import check_document
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.documents import Document
from sluice.spec.kinds import Kind
from sluice.spec.parse import parse_documents

DEPLOYMENT = "name: blue\nendpoint_name: chat\ninstance_type: Standard_DS3_v2\ninstance_count: 1\n"
NOWHERE = Path("/nowhere")

texts = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30) | st.from_regex(
    r"\A(azureml:)?[a-z]{1,3}([:@=/][a-z0-9]{1,6}){0,3}\Z", fullmatch=True
)


def findings(kind: Kind, content: str) -> Sequence[Diagnostic]:
    return check_document(Document(kind, parse_documents(content, "f.yaml")[0]), NOWHERE).diagnostics


def errors(kind: Kind, content: str) -> list[tuple[int, str, str]]:
    return [(one.at.line, one.code, one.remedy) for one in findings(kind, content) if one.severity == "error"]


@given(texts)
def test_any_text_as_a_reference_is_right_or_told_once(text: str) -> None:
    found = errors(Kind.DEPLOYMENT, f"{DEPLOYMENT}model: {json.dumps(text)}\n")

    assert len(found) <= 1
    assert not found or found[0][0] == 5


@given(st.sampled_from(["traffic", "mirror_traffic", "compute"]), texts)
def test_any_text_in_an_endpoint_is_right_or_told_once(key: str, text: str) -> None:
    found = errors(Kind.ENDPOINT, f"name: chat\n{key}: {json.dumps(text)}\n")

    assert len(found) <= 1


@given(st.from_regex(r"\A[A-Z]{2,5}\Z", fullmatch=True), st.booleans())
def test_variables_as_text_never_show_their_value(name: str, listed: bool) -> None:
    written = json.dumps([f"{name}=hush-hush"] if listed else f"{name}=hush-hush")

    found = findings(Kind.DEPLOYMENT, f"{DEPLOYMENT}environment_variables: {written}\n")

    assert [one.code for one in found if one.severity == "error"] == ["text-for-mapping"]
    assert "hush" not in "".join(one.message + one.remedy for one in found)


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("codeConfiguration", "code_configuration"),
        ("livenessProbe", "liveness_probe"),
        ("appInsightsEnabled", "app_insights_enabled"),
        ("app_insights", "app_insights_enabled"),
        ("enable_app_insights", "app_insights_enabled"),
        ("env", "environment_variables"),
    ],
)
def test_a_key_as_other_tools_write_it(key: str, meant: str) -> None:
    [(line, code, remedy)] = errors(Kind.DEPLOYMENT, f"{DEPLOYMENT}{key}: {{}}\n")

    assert (line, code) == (5, "unknown-key")
    assert f"`{meant}`" in remedy


def test_another_tools_name_of_a_key_that_is_there_is_just_unknown() -> None:
    [(_, code, remedy)] = errors(Kind.DEPLOYMENT, f"{DEPLOYMENT}replicas: 3\n")

    assert code == "unknown-key"
    assert remedy.startswith("Known keys: ")


@pytest.mark.parametrize("value", ["true", "yes", "'True'", "'false'", "FALSE"])
def test_a_collection_is_enabled_by_a_boolean_and_by_its_text(value: str) -> None:
    collected = f"data_collector: {{collections: {{model_inputs: {{enabled: {value}, data: {{version: 1}}}}}}}}\n"

    assert errors(Kind.DEPLOYMENT, DEPLOYMENT + collected) == []


@pytest.mark.parametrize("value", ["1", "'yes'", "[]", "null"])
def test_a_collection_is_enabled_by_nothing_else(value: str) -> None:
    found = errors(Kind.DEPLOYMENT, f"{DEPLOYMENT}data_collector: {{collections: {{a: {{enabled: {value}}}}}}}\n")

    assert [line for line, _, _ in found] == [5]


@pytest.mark.parametrize(
    "line", ["model:", "liveness_probe: null", "tags: ~", "instance_count:", "environment_variables:", "description:"]
)
def test_null_is_no_value(line: str) -> None:
    content = DEPLOYMENT.replace("instance_count: 1\n", "") if line.startswith("instance") else DEPLOYMENT

    assert [code for _, code, _ in errors(Kind.DEPLOYMENT, f"{content}{line}\n")] == ["type"]


def test_null_in_an_endpoint_is_no_value() -> None:
    assert errors(Kind.ENDPOINT, "name: chat\nauth_mode: null\n") == [
        (2, "type", "Give it a value, or remove the key.")
    ]


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        (Kind.MODEL, "utc_time_created: 2024-06-01T08:00:00"),
        (Kind.MODEL, "creation_context: {created_at: 2024-06-01}"),
        (Kind.ENVIRONMENT, "latest_version: 3"),
        (Kind.ENVIRONMENT, "intellectual_property: x"),
    ],
)
def test_what_the_service_writes_is_ignored_whatever_it_is(kind: Kind, line: str) -> None:
    content = "name: m\npath: https://example.com/m\n" if kind is Kind.MODEL else "name: e\nimage: i\n"

    assert errors(kind, f"{content}{line}\n") == []
