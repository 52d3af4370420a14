from __future__ import annotations

from pathlib import Path

import pytest

from sluice.spec.checking import check_document
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.documents import Document
from sluice.spec.kinds import Kind
from sluice.spec.parse import parse_documents
from sluice.spec.schema import at, top


def findings(text: str) -> tuple[Diagnostic, ...]:
    node = parse_documents(text, "Pulumi.dev.yaml")[0]
    return check_document(Document(Kind.CONFIG, node), Path("/")).diagnostics


def told(text: str) -> list[str]:
    return [f"{one.severity} {one.at.line}:{one.at.column} {one.code}" for one in findings(text)]


@pytest.mark.parametrize(
    "text",
    [
        "encryptionsalt: v1:a:b\n",
        "config: {}\n",
        "config:\n  sluice:target: azure\n  sluice:production: 'true'\n  sluice:specs: [a/*.yaml]\n",
        "config:\n  sluice:traffic: {chat: {blue: 90, green: '10'}}\n  sluice:port: {chat: 8080}\n",
        'config:\n  sluice:traffic: \'{"chat": {"blue": 100}}\'\n  sluice:specs: \'["a/*.yaml"]\'\n',
        "config:\n  sluice:registry: {secure: v1:a}\n  sluice:traffic: {secure: v1:a}\n",
        "config:\n  mine:KEY: {secure: v1:a}\n  azure-native:location: eastus\n  mine:list: [1]\n",
        "config:\n  sluice:OPENAI_KEY: {secure: v1:a}\n",
        "secretsprovider: passphrase\nenvironment: [prod]\n",
    ],
)
def test_right_configurations(text: str) -> None:
    assert told(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("config: {'sluice:trafic': {}}\n", ["error 1:10 unknown-key"]),
        ("config: {'sluice:resource_group': a}\n", ["error 1:10 unknown-key"]),
        ("config: {'sluice:owner': me}\n", ["warning 1:10 unknown-key"]),
        ("config: {'sluice:target': aws}\n", ["error 1:27 enum"]),
        ("config: {'sluice:port': {chat: 0}}\n", ["error 1:32 range"]),
        ("config: {'sluice:traffic': {chat: {blue: 101}}}\n", ["error 1:42 range"]),
        ("config: {'sluice:traffic': blue}\n", ["error 1:28 type"]),
        ("config: {'sluice:specs': '{}'}\n", ["error 1:26 type"]),
        ("config: []\n", ["error 1:9 type"]),
        ("confg: {}\n", ["error 1:1 unknown-key"]),
        ("sluice:target: local\n", ["error 1:1 unknown-key"]),
        ("owner: me\n", ["warning 1:1 unknown-key"]),
    ],
)
def test_wrong_configurations(text: str, expected: list[str]) -> None:
    assert told(text) == expected


def test_encrypted_values_are_never_shown() -> None:
    found = findings(
        "config: {'sluice:port': {secure: [not-to-be-shown]}, 'sluice:traget': {secure: not-to-be-shown}}\n"
    )

    assert found
    assert "not-to-be-shown" not in repr(found)


def test_every_setting_is_one_of_the_stacks() -> None:
    settings = {key.removeprefix("sluice:") for key in at(top(Kind.CONFIG), None, ("config",)).keys}

    assert settings <= set(top(Kind.STACK).keys)
