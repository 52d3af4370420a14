from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from sluice.spec.findings import schema_findings
from sluice.spec.kinds import Kind
from sluice.spec.nodes import Node, to_json
from sluice.spec.parse import parse_documents
from sluice.spec.schema import Place, Schema, child, normalised, read_schema, schema_file, schema_folder, top, validator


def parse(text: str) -> Node:
    return parse_documents(text, "f.yaml")[0]


def keys(place: Place, path: str) -> Iterator[tuple[str, Schema]]:
    """Yield every key below a place, with what its schema says; alternatives included."""
    for name in place.keys:
        for sample in (None, parse("{}")):
            below = child(place, name, sample)
            yield f"{path}.{name}", below.schema
            yield from keys(below, f"{path}.{name}")
    for rest in ("additionalProperties", "items"):
        if isinstance(place.schema.get(rest), dict):
            yield from keys(child(place, "*" if rest == "additionalProperties" else 0, None), f"{path}.*")


@pytest.mark.parametrize("kind", list(Kind))
def test_every_key_is_described(kind: Kind) -> None:
    for path, schema in keys(top(kind), kind):
        assert schema.get("title"), path
        assert schema.get("description", "").endswith((".", "`", ")")), path
        if schema.get("type") != "object":
            assert "default" in schema or "examples" in schema or "oneOf" in schema, path


@pytest.mark.parametrize("kind", list(Kind))
def test_defaults_and_examples_of_enums_are_among_their_values(kind: Kind) -> None:
    for path, schema in keys(top(kind), kind):
        for value in [*schema.get("examples", ()), *([schema["default"]] if "default" in schema else ())]:
            assert value in schema.get("enum", [value]), path


@pytest.mark.parametrize("kind", list(Kind))
def test_each_is_a_schema_of_2020_12(kind: Kind) -> None:
    schema = read_schema(schema_file(kind))

    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)
    assert validator(kind) is validator(kind)


def test_the_example_of_each_kind_is_valid() -> None:
    for kind in Kind:
        for example in top(kind).schema.get("examples", ()):
            assert validator(kind).is_valid(example), kind


def test_a_schema_file_for_each_kind_and_no_other() -> None:
    files = {path.name for path in schema_folder().glob("*.json")}

    assert files == {schema_file(kind) for kind in Kind} | {"common.schema.json"}


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (Kind.ENDPOINT, "auth_mode: AMLToken", {"auth_mode": "aml_token"}),
        (Kind.ENDPOINT, "auth_mode: KEY", {"auth_mode": "key"}),
        (Kind.ENDPOINT, "traffic: {blue: '90'}", {"traffic": {"blue": 90}}),
        (Kind.ENDPOINT, "auth_mode: nokey", {"auth_mode": "nokey"}),
        (Kind.DEPLOYMENT, "instance_count: '3'", {"instance_count": 3}),
        (Kind.DEPLOYMENT, "instance_count: three", {"instance_count": "three"}),
        (Kind.DEPLOYMENT, "app_insights_enabled: 'Yes'", {"app_insights_enabled": True}),
        (Kind.DEPLOYMENT, "app_insights_enabled: 1", {"app_insights_enabled": True}),
        (Kind.DEPLOYMENT, "environment_variables: {A: '1'}", {"environment_variables": {"A": "1"}}),
        (Kind.DEPLOYMENT, "model: {type: CustomModel}", {"model": {"type": "custom_model"}}),
        (Kind.CONNECTION, "type: AzureOpenAI", {"type": "azure_open_ai"}),
    ],
)
def test_values_are_read_leniently(kind: Kind, text: str, expected: Any) -> None:
    assert to_json(normalised(parse(text), top(kind))) == expected


def test_every_breach_is_told() -> None:
    node = parse("name: x\nauth_mode: 1\nfoo: 1\ntraffic: {a: 101}\n")

    found = schema_findings(Kind.ENDPOINT, node, top(Kind.ENDPOINT))

    assert [(one.at.line, one.code) for one in found] == [
        (1, "pattern"),
        (2, "type"),
        (3, "unknown-key"),
        (4, "pattern"),
        (4, "range"),
    ]
