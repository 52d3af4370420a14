from __future__ import annotations

from pathlib import Path

import pytest

from sluice.spec.files import validate_files
from sluice.spec.kinds import Kind
from sluice.spec.results import Finding

CODES = {"yaml-number", "yaml-boolean", "not-a-string", "key-not-a-string"}


def told(folder: Path, kind: Kind, text: str) -> list[Finding]:
    """Return what is said about values that YAML 1.1 changes."""
    (folder / "f.yaml").write_text(text, encoding="utf-8")
    (result,) = validate_files(folder, [folder / "f.yaml"], kind)
    return [one for one in result.findings if one.diagnostic.code in CODES]


@pytest.mark.parametrize(
    ("kind", "text", "severity", "code", "line", "words"),
    [
        (Kind.DEPLOYMENT, "instance_count: 010", "error", "yaml-number", 1, "reads `010` as 8 (octal)"),
        (Kind.DEPLOYMENT, "instance_count: 2:30", "error", "yaml-number", 1, "reads `2:30` as 150 (base 60)"),
        (Kind.DEPLOYMENT, "liveness_probe:\n  period: 1:0", "error", "yaml-number", 2, "`liveness_probe.period`"),
        (Kind.ENDPOINT, "traffic: {blue: 0144}", "error", "yaml-number", 1, "reads `0144` as 100 (octal)"),
        (Kind.ENDPOINT, "tags: {NO: x}", "warning", "key-not-a-string", 1, "YAML 1.1 makes `False`"),
        (Kind.DEPLOYMENT, "environment: {image: i, tags: {a: NO}}", "warning", "not-a-string", 1, "becomes `False`"),
        (Kind.DEPLOYMENT, "model: {path: ., version: 1.10}", "warning", "not-a-string", 1, "becomes `1.1`"),
        (Kind.MODEL, "version: 1.10", "warning", "not-a-string", 1, "becomes `1.1`"),
        (Kind.FLOW, "inputs: {a: {type: string, is_chat_input: no}}", "warning", "yaml-boolean", 1, "for prompt flow"),
    ],
)  # fmt: skip
def test_what_yaml_changes_is_told(
    kind: Kind, text: str, severity: str, code: str, line: int, words: str, tmp_path: Path
) -> None:
    (finding,) = told(tmp_path, kind, text)

    assert (finding.severity, finding.diagnostic.code, finding.diagnostic.at.line) == (severity, code, line)
    assert words in finding.diagnostic.message


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Kind.DEPLOYMENT, 'instance_count: "010"'),  # Azure's loader reads the text as 10
        (Kind.DEPLOYMENT, "instance_count: 0x10"),
        (Kind.DEPLOYMENT, "instance_count: 1_000"),
        (Kind.DEPLOYMENT, "instance_count: 007"),
        (Kind.DEPLOYMENT, "app_insights_enabled: yes"),
        (Kind.DEPLOYMENT, "data_collector: {collections: {request: {enabled: true}}}"),
        (Kind.ENDPOINT, 'tags: {"NO": "no", a: 1.5, b: 2024-01-01, 7: x}'),
        (Kind.MODEL, 'version: "1.10"'),
        (Kind.FLOW, "inputs: {a: {type: bool, default: false, is_chat_input: true}}"),
    ],
)
def test_what_stays_as_it_is_is_not_told(kind: Kind, text: str, tmp_path: Path) -> None:
    assert told(tmp_path, kind, text) == []


def test_a_change_is_told_once(tmp_path: Path) -> None:
    found = told(tmp_path, Kind.ENDPOINT, "name: chat\ntags: {answer: no}\nproperties: {size: 010}\n")

    assert [one.diagnostic.at.line for one in found] == [2, 3]


def test_a_secret_is_not_shown(tmp_path: Path) -> None:
    text = "name: one\ntype: custom\nsecrets: {key: 0123456701234567}\nconfigs: {a: b}\n"

    assert all("0123" not in one.diagnostic.message for one in told(tmp_path, Kind.CONNECTION, text))
