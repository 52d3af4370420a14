"""What another tool fills in is recognised, where it stands and only there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.spec.files import Reading, Source, validated
from sluice.spec.parse import parse_documents
from sluice.spec.placeholders import hidden, holds_placeholder, restored, shown
from sluice.spec.results import Finding

Project = Callable[[Mapping[str, str]], Path]

DEPLOYMENT = """name: {name}
endpoint_name: library
model: azureml:shelf:1
environment: azureml:reading:1
instance_type: {size}
instance_count: {count}
"""


@pytest.mark.parametrize(
    "value", ["{{ x }}", "${{ x }}", "a-{{x}}-b", "${NAME}", "${NAME:-x}", "https://$HOST/x", "<your name>", "__NAME__"]
)
def test_placeholders(value: str) -> None:
    assert holds_placeholder(value)


@pytest.mark.parametrize(
    "value",
    [
        *("${config:KEY}", "${env:KEY}", "${keyvault:v/s}", "${inputs.question}", "${node.output}"),
        *("__init__.py", "a < b", "$.x", "5 $", "<>", "{x}", "plain"),
    ],
)
def test_no_placeholders(value: str) -> None:
    assert not holds_placeholder(value)


def findings(project: Project, text: str, *, allowed: bool) -> list[Finding]:
    root = project({"blue.yaml": text})
    [result] = validated(root, [Source(root / "blue.yaml")], Reading(allow_placeholders=allowed))
    return list(result.findings)


@pytest.mark.parametrize("placeholder", ["'{{ x }}'", "${X}", "$X", "<x>", "__X__", "${{ x }}", "{{ x }}"])
def test_findings_about_a_placeholder(project: Project, placeholder: str) -> None:
    text = DEPLOYMENT.format(name="blue", size="Standard_DS3_v2", count=placeholder)

    [told] = findings(project, text, allowed=False)
    assert told.severity == "error"
    assert told.diagnostic.at.line == 6
    assert "--allow-placeholders" in told.diagnostic.remedy
    assert findings(project, text, allowed=True) == []


def test_other_findings_stay(project: Project) -> None:
    text = DEPLOYMENT.format(name="{{ name }}", size="$SIZE", count=0) + "tags: {{ tags }}\nunknown: <x>\n"

    assert [one.key for one in findings(project, text, allowed=True)] == ["instance_count", "unknown"]


def test_a_sum_with_a_placeholder_in_it_is_not_told(project: Project) -> None:
    text = "name: library\nauth_mode: key\ntraffic:\n  blue: 90\n  green: {{ rest }}\n"

    assert findings(project, text, allowed=True) == []
    assert all("--allow-placeholders" in one.diagnostic.remedy for one in findings(project, text, allowed=False))


def test_the_address_of_a_schema_is_no_placeholder(project: Project) -> None:
    text = "$schema: nothing.schema.json\n" + DEPLOYMENT.format(name="blue", size="Standard_DS3_v2", count=3)

    assert [one.key for one in findings(project, text, allowed=True)] == ["$schema"]


TEXTS = st.text(st.sampled_from(list("{}ab: #\n\"'$")), max_size=30)


@given(TEXTS)
def test_hiding_keeps_every_place_and_can_be_taken_back(text: str) -> None:
    kept = hidden(text)
    assert len(kept) == len(text)
    assert [one == "\n" for one in kept] == [one == "\n" for one in text]
    assert shown(kept) == text


def test_a_tree_is_as_it_was_written() -> None:
    text = "'{{ key }}': ['{{ a: #b }}', 1]\n"
    [plain], [masked] = parse_documents(text, "f"), parse_documents(hidden(text), "f")
    assert masked != plain
    assert restored(masked) == plain
