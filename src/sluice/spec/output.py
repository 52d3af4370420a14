"""Results of validation as text, as JSON and as annotations of GitHub Actions."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sluice.errors import Mark
from sluice.spec.diagnostics import Severity
from sluice.spec.flags import flag_of
from sluice.spec.results import FileResult, Finding

Paint = Callable[[str, Severity], str]
"""Gives a text the colour of a severity."""

_COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}


def as_text(results: Sequence[FileResult], paint: Paint) -> Iterator[str]:
    """Yield the lines for people: `path:line:column: error[code] key: what is wrong`, the remedy below; a summary."""
    for result in results:
        for finding in result.findings:
            yield from _text(result.path, finding, paint)
    yield summary(results)


def _text(path: str, finding: Finding, paint: Paint) -> Iterator[str]:
    told = finding.diagnostic
    at = place(told.at)
    about = f" {finding.key}: " if finding.key else ": "
    head = paint(f"{told.severity}[{told.code}]", told.severity)
    flag = flag_of(told.at)
    message = one_line(without_key(finding))
    yield f"{one_line(path)}:{at.line}:{at.column}: {head}{one_line(about)}{message}" + f" (from {flag})" * bool(flag)
    yield from (f"  {one_line(line)}" for line in told.remedy.splitlines())


def one_line(text: str) -> str:
    """Return `text` with control characters (of a file's values) as they are escaped: a terminal obeys them."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def without_key(finding: Finding) -> str:
    """Return the message without the key it begins with, which stands before it already."""
    message, last = finding.diagnostic.message, finding.key.rpartition(".")[2]
    for key in (f"`{finding.key}`", f"`{last}`"):
        if finding.key and message.startswith((f"{key} ", f"{key}: ")):
            return message[len(key) :].removeprefix(":").lstrip()
    return message


def place(mark: Mark) -> Mark:
    """Return where a finding is shown: a value from the command line stands nowhere, and is shown at the top."""
    return Mark(mark.path) if flag_of(mark) else mark


def summary(results: Sequence[FileResult]) -> str:
    """Return the last line: "3 errors, 1 warning in 2 of 7 files"."""
    counted = Counter(finding.severity for result in results for finding in result.findings)
    concerned = sum(bool(result.findings) for result in results)
    files = _plural(len(results), "file")
    if not counted:
        return f"nothing wrong in {files}"
    order: tuple[Severity, ...] = ("error", "warning", "note")
    said = ", ".join(_plural(counted[severity], severity) for severity in order if counted[severity])
    return f"{said} in {concerned} of {files}"


def _plural(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def as_json(results: Sequence[FileResult]) -> str:
    """Return the results as JSON: `{files: [{path, kind, ok, diagnostics: [...]}]}`."""
    written = json.dumps({"files": [_plain(result) for result in results]}, indent=2, ensure_ascii=False)
    return written.encode("utf-8", "backslashreplace").decode()  # a file's name need not be UTF-8


def _plain(result: FileResult) -> dict[str, Any]:
    diagnostics = [_plain_finding(finding) for finding in result.findings]
    return {"path": result.path, "kind": result.kind, "ok": result.ok, "diagnostics": diagnostics}


def _plain_finding(finding: Finding) -> dict[str, Any]:
    told, at = finding.diagnostic, place(finding.diagnostic.at)
    return {
        "severity": told.severity,
        "code": told.code,
        "line": at.line,
        "column": at.column,
        "key": finding.key,
        "message": told.message,
        "remedy": told.remedy,
    }


def as_github(results: Sequence[FileResult]) -> Iterator[str]:
    """Yield one workflow command of GitHub Actions a finding: an annotation at its line."""
    for result in results:
        for finding in result.findings:
            yield _command(result.path, finding)


def _command(path: str, finding: Finding) -> str:
    told, at = finding.diagnostic, place(finding.diagnostic.at)
    properties = {"file": path, "line": at.line, "col": at.column, "title": f"{told.code} {finding.key}".strip()}
    said = ",".join(f"{name}={_escaped(str(value), ':,')}" for name, value in properties.items())
    text = f"{told.message}\n{told.remedy}" if told.remedy else told.message
    return f"::{_COMMANDS[told.severity]} {said}::{_escaped(text)}"


def _escaped(text: str, further: str = "") -> str:
    """Return `text` with the signs that would end a value as the percent codes of GitHub's runner."""
    text = "".join(one if one.isprintable() or one in "\r\n" else one_line(one) for one in text)
    for sign in f"%\r\n{further}":
        text = text.replace(sign, f"%{ord(sign):02X}")
    return text
