"""The lines of data files, one at a time: a line that can't be read is told by its number, and the others go on.

Read as prompt flow reads them: jsonl (and files without a known ending) one object a line, csv and tsv by their head
with every value as text, json as a list of objects or an object of columns, a folder as its files in order of name.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sluice.errors import SpecError, Unsupported
from sluice.spec.frozen import frozen_map

LINE_NUMBER: Final = "line_number"
_DELIMITERS: Final = {".csv": ",", ".tsv": "\t"}
_MOST_TOLD: Final = 20
_LONGEST_VALUE: Final = 64 * 1024 * 1024


@dataclass(frozen=True)
class Row:
    """A line of data: its number from 0, its values, or what is wrong with it; `base` is where its images lie."""

    number: int
    values: Mapping[str, Any] = field(default_factory=frozen_map)
    fault: str = ""
    base: Path | None = None


@dataclass(frozen=True)
class Survey:
    """What a whole file or folder holds: lines, columns in order, a hash of its bytes, and the first broken lines."""

    lines: int
    columns: tuple[str, ...]
    sha256: str
    faults: tuple[str, ...] = ()
    broken: int = 0


def survey(path: Path) -> Survey:
    """Return what the data at `path` holds; it is read once, a line at a time. Raises as `rows` does."""
    columns: dict[str, None] = {}
    faults: list[str] = []
    lines = broken = 0
    for row in rows(path):
        lines += 1
        columns.update(dict.fromkeys(row.values))
        if row.fault:
            broken += 1
            faults += [row.fault] if len(faults) < _MOST_TOLD else []
    return Survey(lines, tuple(columns), digest(path), tuple(faults), broken)


def digest(path: Path) -> str:
    """Return the SHA-256 of a data file, or of a folder's files and their names."""
    total = hashlib.sha256()
    for file in _files(path):
        with file.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        total.update(f"{file.relative_to(path).as_posix() if path.is_dir() else ''}:{found}\n".encode())
    return total.hexdigest()


def rows(path: Path) -> Iterator[Row]:
    """Yield the lines of a data file or folder, numbered from 0 over all of it.

    A line with a column `line_number` has that number; then every line has one, and they only grow.

    Raises:
        SpecError: the data can't be read, or numbers of lines do not grow.
        Unsupported: a parquet file.
    """
    previous = -1
    for position, row in enumerate(_all_rows(path)):
        number = row.values.get(LINE_NUMBER, position)
        if isinstance(number, str) and number.isascii() and number.isdecimal():
            number = int(number)
        if isinstance(number, bool) or not isinstance(number, int) or number <= previous:
            raise SpecError(
                f"{path.name}: `{LINE_NUMBER}` must be a number that grows from line to line,"
                f" found {number!r} after {previous}",
                remedy=f"Sort the lines, or name the column otherwise: `{LINE_NUMBER}` pairs lines with a base run's.",
            )
        previous = number
        yield Row(number, row.values, row.fault, row.base)


def _all_rows(path: Path) -> Iterator[Row]:
    try:
        for file in _files(path):
            yield from _rows_of(file)
    except OSError as error:
        raise SpecError(f"{path}: the data can't be read ({error.strerror})", remedy="Correct `data`.") from None


def _files(path: Path) -> tuple[Path, ...]:
    if not path.is_dir():
        return (path,)
    return tuple(sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith(".")))


def _rows_of(file: Path) -> Iterator[Row]:
    suffix = file.suffix.lower()
    if suffix == ".parquet":
        raise Unsupported(
            f"{file.name}: parquet files are not read on this machine", remedy="Write the data as jsonl or csv."
        )
    if suffix == ".json":
        yield from _of_json(file)
    elif suffix in _DELIMITERS:
        yield from _of_table(file, _DELIMITERS[suffix])
    else:
        yield from _of_lines(file)


def _of_lines(file: Path) -> Iterator[Row]:
    with file.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            text = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
            if text.strip():
                yield _parsed(text, f"line {number} of {file.name}", file.parent)


def _parsed(line: bytes, where: str, base: Path) -> Row:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else type(error).__name__
        return Row(0, fault=f"{where} is not JSON ({reason})", base=base)
    if not isinstance(values, dict):
        return Row(0, fault=f"{where} is {_kind(values)}, not an object", base=base)
    return Row(0, frozen_map(values), base=base)


def _of_table(file: Path, delimiter: str) -> Iterator[Row]:
    csv.field_size_limit(_LONGEST_VALUE)
    with file.open(encoding="utf-8-sig", newline="", errors="replace") as stream:
        reader = csv.reader(stream, delimiter=delimiter)
        head: list[str] = []
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Row(0, fault=f"line {reader.line_num} of {file.name} can't be read ({error})", base=file.parent)
                continue
            if cells and not head:
                head = cells
            elif cells:
                yield _cells(head, cells, f"line {reader.line_num} of {file.name}", file.parent)


def _cells(head: list[str], cells: list[str], where: str, base: Path) -> Row:
    if len(cells) != len(head):
        return Row(0, fault=f"{where} has {len(cells)} values for {len(head)} columns", base=base)
    return Row(0, frozen_map(dict(zip(head, cells, strict=True))), base=base)


def _of_json(file: Path) -> Iterator[Row]:
    try:
        found = json.loads(file.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise SpecError(f"{file.name} is not JSON ({error})", remedy="Correct it, or write jsonl.") from None
    if isinstance(found, dict):
        found = _turned(found)
    if not isinstance(found, list):
        message = f"{file.name} holds {_kind(found)}; a list of objects is needed, or an object of columns"
        raise SpecError(message, remedy="Write jsonl: one object a line.")
    for number, values in enumerate(found, 1):
        good = isinstance(values, dict)
        fault = "" if good else f"item {number} of {file.name} is {_kind(values)}, not an object"
        yield Row(0, frozen_map(values if good else {}), fault, file.parent)


def _turned(columns: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of an object of columns, each a list or an object by row."""
    whole = {name: list(one.values()) if isinstance(one, dict) else one for name, one in columns.items()}
    if not all(isinstance(one, list) for one in whole.values()):
        return [columns]
    longest = max((len(one) for one in whole.values()), default=0)
    return [{name: one[row] for name, one in whole.items() if row < len(one)} for row in range(longest)]


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
