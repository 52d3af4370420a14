"""Fuzzing of validation: inputs made from real files by small changes, and what has to hold for each."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

from sluice.spec.files import validate_files
from sluice.spec.kinds import Kind
from sluice.spec.output import as_json, as_text
from sluice.spec.output_sarif import as_sarif
from sluice.spec.results import Finding

ROOT = Path(__file__).parents[2]
KINDS: tuple[Kind | None, ...] = (None, *Kind)

# What breaks parsers and what people write by mistake.
_MORSELS = (
    b": ", b":", b"- ", b"? ", b"\n", b"\r", b"\t", b" ", b"#", b"'", b'"', b"[", b"]", b"{", b"}", b",", b"&a ", b"*a",
    b"<<: *a", b"!!str ", b"!x ", b"|\n", b">-\n", b"---\n", b"...\n", b"%YAML 1.1\n", b"~", b"null", b"no", b"010",
    b"2:30", b"1e3", b".inf", b"-.nan", b"0x_", b"2024-13-45", b"2024-01-01", b"9" * 30, b"9" * 5_000, b"=", b"{{X}}",
    b"${X}", b"${config:A}", b"${inputs.a}", b"${a.output}", b"azureml:a:1", b"azureml:a@latest", b"\x00", b"\x1b[0m",
    b"\xff", b"\xef\xbb\xbf", "\u2028\x85ä\U0001f600".encode(), b"../", b"./", b"/dev/zero", b"x" * 2_000,
)  # fmt: skip


def seeds() -> list[bytes]:
    """Return the project's own specifications, good and bad ones: the inputs that others are made from."""
    folders = (ROOT / "tests" / "cases", ROOT / "examples")
    files = sorted(path for folder in folders for path in folder.rglob("*.y*ml") if path.is_file())
    return [bytes([index % len(KINDS)]) + path.read_bytes() for index, path in enumerate(files)]


def changed(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """Return `data` with one to four small changes; the first byte says which kind the file is taken for."""
    kind, content = data[:1] or b"\0", data[1:]
    for _ in range(random.randint(1, 4)):
        content = random.choice(_CHANGES)(content, others, random)
    return (random.randbytes(1) if random.random() < 0.3 else kind) + content


def _insert(content: bytes, _: Sequence[bytes], random: Random) -> bytes:
    at = random.randint(0, len(content))
    return content[:at] + random.choice(_MORSELS) + content[at:]


def _replace(content: bytes, _: Sequence[bytes], random: Random) -> bytes:
    at = random.randint(0, len(content))
    return content[:at] + random.choice(_MORSELS) + content[at + random.randint(0, 12) :]


def _value(content: bytes, _: Sequence[bytes], random: Random) -> bytes:
    """Put something else behind a colon."""
    lines = content.split(b"\n")
    at = random.randrange(len(lines))
    key, colon, _rest = lines[at].partition(b":")
    lines[at] = key + colon + b" " + random.choice(_MORSELS)
    return b"\n".join(lines)


def _drop(content: bytes, _: Sequence[bytes], random: Random) -> bytes:
    at = random.randint(0, len(content))
    return content[:at] + content[at + random.randint(1, 40) :]


def _indent(content: bytes, _: Sequence[bytes], random: Random) -> bytes:
    lines = content.split(b"\n")
    at = random.randrange(len(lines))
    lines[at] = random.choice([b" ", b"  ", b"\t"]) + lines[at] if random.random() < 0.5 else lines[at].lstrip()
    return b"\n".join(lines)


def _lines(content: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """Put some lines of another file, or of the same, in between."""
    lines, more = content.split(b"\n"), random.choice([content, *others])[1:].split(b"\n")
    begin, at = random.randrange(len(more)), random.randint(0, len(lines))
    return b"\n".join([*lines[:at], *more[begin : begin + random.randint(1, 6)], *lines[at:]])


def _move(content: bytes, _: Sequence[bytes], random: Random) -> bytes:
    lines = content.split(b"\n")
    line = lines.pop(random.randrange(len(lines)))
    lines.insert(random.randint(0, len(lines)), line)
    return b"\n".join(lines)


_CHANGES: Sequence[Callable[[bytes, Sequence[bytes], Random], bytes]] = (
    _insert, _replace, _value, _value, _drop, _indent, _lines, _move,
)  # fmt: skip


def check(data: bytes, folder: Path) -> None:
    """Validate the file that `data` says in `folder`, and raise AssertionError where what is told of it can't be."""
    kind, content = KINDS[data[0] % len(KINDS)] if data else None, data[1:]
    path = folder / "fuzzed.yaml"
    path.write_bytes(content)
    results = validate_files(folder, [path], kind)
    for result in results:
        for finding in result.findings:
            _check_finding(finding, content if result.path == path.name else None)
    for line in as_text(results, lambda text, _: text):
        assert line.isprintable(), line
    for written in (as_json(results), as_sarif(results, "0")):
        json.loads(written.encode())


def _check_finding(finding: Finding, content: bytes | None) -> None:
    told = finding.diagnostic
    assert told.message, finding
    assert told.code, finding
    assert len(told.message) < 4_000, f"a message is short: {finding}"
    if content is not None:
        lines = re.split("\r\n|[\n\r\x85\u2028\u2029]", content.decode("utf-8-sig", "replace"))
        assert 1 <= told.at.line <= len(lines), finding
        assert 1 <= told.at.column <= len(lines[told.at.line - 1]) + 1, finding
