"""Results of validation as SARIF 2.1.0, which code scanning and editors read."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from sluice.spec.output import place
from sluice.spec.pages import Page, pages
from sluice.spec.results import FileResult, Finding

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def as_sarif(results: Sequence[FileResult], version: str) -> str:
    """Return the results as one SARIF log; its rules are the codes that were found, with their pages as help."""
    found = [(result.path, finding) for result in results for finding in result.findings]
    written = {page.code: page for page in pages()}
    codes = sorted({finding.diagnostic.code for _, finding in found})
    numbers = {code: number for number, code in enumerate(codes)}
    driver = {"name": "sluice", "version": version, "rules": [_rule(code, written.get(code)) for code in codes]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(path, finding, numbers) for path, finding in found],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)


def _rule(code: str, page: Page | None) -> dict[str, Any]:
    if page is None:
        return {"id": code}
    help_ = {"text": page.body, "markdown": page.body}
    return {"id": code, "shortDescription": {"text": page.title}, "help": help_}


def _result(path: str, finding: Finding, numbers: Mapping[str, int]) -> dict[str, Any]:
    told, at = finding.diagnostic, place(finding.diagnostic.at)
    physical = {
        "artifactLocation": {"uri": _uri(path)},
        "region": {"startLine": at.line, "startColumn": at.column},
    }
    location: dict[str, Any] = {"physicalLocation": physical}
    if finding.key:
        location["logicalLocations"] = [{"fullyQualifiedName": finding.key}]
    return {
        "ruleId": told.code,
        "ruleIndex": numbers[told.code],
        "level": told.severity,
        "message": {"text": f"{told.message}\n{told.remedy}" if told.remedy else told.message},
        "locations": [location],
    }


def _uri(path: str) -> str:
    """Return a path as a reference: relative ones stay relative to where validation was called."""
    pure = PurePath(path)
    return pure.as_uri() if pure.is_absolute() else quote(os.fsencode(pure.as_posix()))
