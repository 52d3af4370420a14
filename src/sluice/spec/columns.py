"""The columns of a run's data, from a bounded read of its beginning."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

MAX_BYTES = 64 * 1024
MAX_WHOLE_BYTES = 1024 * 1024
MAX_FILES = 20

_DELIMITERS = {".csv": ",", ".tsv": "\t"}


@dataclass(frozen=True)
class Columns:
    """Names of columns in the order of the data; `complete` is False where only its beginning was read."""

    names: tuple[str, ...]
    complete: bool = True


def columns_of(path: Path) -> Columns | None:
    """Return the columns of the data file or folder `path`, or None where they can't be told.

    Reads as prompt flow does: csv and tsv by their head, json as a list of objects or an object of columns,
    anything else as one JSON object a line. Never raises for what the file holds.
    """
    try:
        return _of_folder(path) if path.is_dir() else _of_file(path)
    except (OSError, ValueError, RecursionError, csv.Error):
        return None


def _of_folder(folder: Path) -> Columns | None:
    """Return the columns of all files in a folder together; lines of any of them may lack some."""
    paths = sorted(path for path in folder.iterdir() if path.is_file())
    found = [columns_of(path) for path in paths[:MAX_FILES]]
    known = [one for one in found if one]
    if not known:
        return None
    complete = len(known) == len(paths) and all(one.complete for one in known)
    return Columns(_union(one.names for one in known), complete)


def _of_file(path: Path) -> Columns | None:
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return None
    if suffix == ".json":
        return _of_json(path)
    with path.open("rb") as stream:
        data = stream.read(MAX_BYTES + 1)
    whole = len(data) <= MAX_BYTES
    content = data[:MAX_BYTES].decode("utf-8-sig", errors="strict" if whole else "ignore")
    lines = [line.rstrip("\r") for line in content.split("\n")]
    complete_lines = lines if whole else lines[:-1]
    if suffix in _DELIMITERS:
        return _of_head(complete_lines, _DELIMITERS[suffix])
    return _of_lines(complete_lines, whole=whole)


def _of_head(lines: list[str], delimiter: str) -> Columns | None:
    head = next((row for row in csv.reader(lines, delimiter=delimiter) if row), None)
    return Columns(tuple(head)) if head else None


def _of_lines(lines: list[str], *, whole: bool) -> Columns | None:
    records = [json.loads(line) for line in lines if line.strip()]
    return _of_records(records, whole=whole)


def _of_json(path: Path) -> Columns | None:
    if path.stat().st_size > MAX_WHOLE_BYTES:
        return None
    content = json.loads(path.read_text(encoding="utf-8-sig"))
    if isinstance(content, dict):
        return Columns(tuple(content)) if content else None
    return _of_records(content, whole=True) if isinstance(content, list) else None


def _of_records(records: list[object], *, whole: bool) -> Columns | None:
    if not records or not all(isinstance(record, dict) for record in records):
        return None
    return Columns(_union(_keys(records)), whole)


def _keys(records: Iterable[object]) -> Iterator[tuple[str, ...]]:
    for record in records:
        if isinstance(record, dict):
            yield tuple(record)


def _union(names: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for some in names for name in some))
