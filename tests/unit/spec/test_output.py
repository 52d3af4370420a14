"""One result, several forms: each has place, code, key, message and remedy, and no text breaks out of its form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import Mark
from sluice.spec.findings import error_at, note_at, warning_at
from sluice.spec.output import as_github, as_json, as_text, summary
from sluice.spec.output_sarif import as_sarif
from sluice.spec.results import FileResult, Finding

RANGE = Finding(
    error_at(Mark("a.yaml", 3, 7), "`n.count` must be at least 1, found 0", "Raise it.\nOr not.", "range"), "n.count"
)
SIZE = Finding(warning_at(Mark("a.yaml", 4, 1), "a small size", "", "small-size"), "size")
OTHER = Finding(note_at(Mark("b.yaml"), "this is a job", "", "out-of-scope"))
FLAG = Finding(error_at(Mark("in/--name"), "`name` is no name", "", "pattern"), "name")
RESULTS = (
    FileResult("a.yaml", "model", (RANGE, SIZE)),
    FileResult("b.yaml", None, (OTHER,)),
    FileResult("in/c.yaml", "endpoint", (FLAG,)),
    FileResult("d.yaml", "endpoint"),
)


def text(*results: FileResult) -> list[str]:
    return list(as_text(results, lambda text, _: text))


def test_text() -> None:
    assert text(*RESULTS) == [
        "a.yaml:3:7: error[range] n.count: must be at least 1, found 0",
        "  Raise it.",
        "  Or not.",
        "a.yaml:4:1: warning[small-size] size: a small size",
        "b.yaml:1:1: note[out-of-scope]: this is a job",
        "in/c.yaml:1:1: error[pattern] name: is no name (from --name)",
        "2 errors, 1 warning, 1 note in 3 of 4 files",
    ]


def test_what_is_coloured() -> None:
    lines = list(as_text(RESULTS[:1], lambda text, severity: f"<{severity} {text}>"))
    assert lines[0] == "a.yaml:3:7: <error error[range]> n.count: must be at least 1, found 0"


@pytest.mark.parametrize(
    ("results", "said"),
    [
        ((), "nothing wrong in 0 files"),
        (RESULTS[3:], "nothing wrong in 1 file"),
        (RESULTS[1:2], "1 note in 1 of 1 file"),
        (RESULTS[:1] * 2, "2 errors, 2 warnings in 2 of 2 files"),
    ],
)
def test_the_summary(results: tuple[FileResult, ...], said: str) -> None:
    assert summary(results) == said


def test_json() -> None:
    told = json.loads(as_json(RESULTS))
    assert told.keys() == {"files"}
    assert [(one["path"], one["kind"], one["ok"]) for one in told["files"]] == [
        ("a.yaml", "model", False),
        ("b.yaml", None, True),
        ("in/c.yaml", "endpoint", False),
        ("d.yaml", "endpoint", True),
    ]
    assert all(one.keys() == {"path", "kind", "ok", "diagnostics"} for one in told["files"])
    assert told["files"][0]["diagnostics"][0] == {
        "severity": "error",
        "code": "range",
        "line": 3,
        "column": 7,
        "key": "n.count",
        "message": "`n.count` must be at least 1, found 0",
        "remedy": "Raise it.\nOr not.",
    }


def test_annotations_of_github() -> None:
    assert list(as_github(RESULTS)) == [
        "::error file=a.yaml,line=3,col=7,title=range n.count::"
        "`n.count` must be at least 1, found 0%0ARaise it.%0AOr not.",
        "::warning file=a.yaml,line=4,col=1,title=small-size size::a small size",
        "::notice file=b.yaml,line=1,col=1,title=out-of-scope::this is a job",
        "::error file=in/c.yaml,line=1,col=1,title=pattern name::`name` is no name",
    ]


def test_sarif() -> None:
    told = json.loads(as_sarif(RESULTS, "1.2.3"))
    assert told["version"] == "2.1.0"
    [run] = told["runs"]
    driver = run["tool"]["driver"]
    assert (driver["name"], driver["version"]) == ("sluice", "1.2.3")
    assert [rule["id"] for rule in driver["rules"]] == ["out-of-scope", "pattern", "range", "small-size"]
    assert driver["rules"][2]["shortDescription"]["text"] == "A number is too small or too large"
    assert driver["rules"][2]["help"]["text"]
    levels = [(one["level"], driver["rules"][one["ruleIndex"]]["id"] == one["ruleId"]) for one in run["results"]]
    assert levels == [("error", True), ("warning", True), ("note", True), ("error", True)]
    assert run["results"][0]["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "a.yaml"},
                "region": {"startLine": 3, "startColumn": 7},
            },
            "logicalLocations": [{"fullyQualifiedName": "n.count"}],
        }
    ]


@pytest.mark.parametrize(
    ("path", "uri"),
    [("a b/%1.yaml", "a%20b/%251.yaml"), ("/x/ü.yaml", "file:///x/%C3%BC.yaml"), ("../y.yaml", "../y.yaml")],
)
def test_paths_are_references_in_sarif(path: str, uri: str) -> None:
    told = json.loads(as_sarif([FileResult(path, None, (SIZE,))], "1"))
    physical = told["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert physical["artifactLocation"]["uri"] == uri


ANY = st.text(st.characters(exclude_categories=["Cs"]))


@given(ANY, ANY, ANY, ANY)
def test_no_text_breaks_out_of_its_form(path: str, key: str, message: str, remedy: str) -> None:
    finding = Finding(error_at(Mark(path), message, remedy, "code"), key)
    results = [FileResult(path, None, (finding,))]

    first, *others, _ = text(*results)
    assert all(line.isprintable() for line in (first, *others))
    assert all(line.startswith("  ") for line in others)
    [command] = as_github(results)
    assert "\n" not in command
    assert "\r" not in command
    assert command.removeprefix("::error ").partition("::")[0].count(",") == 3
    told: Any = json.loads(as_json(results))
    assert told["files"][0]["diagnostics"][0]["message"] == message
    assert json.loads(as_sarif(results, "1"))["runs"][0]["results"][0]["message"]["text"].startswith(message)
