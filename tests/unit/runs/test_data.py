"""Data files: read as prompt flow reads them, a line at a time; broken lines are told and the others go on."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sluice.errors import SpecError, Unsupported
from sluice.runs.data import rows, survey

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
COLUMNS = st.text("abcxyz_é", min_size=1, max_size=5)
OBJECTS = st.lists(st.dictionaries(COLUMNS, VALUES, max_size=4), max_size=8)
in_own_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def values_of(path: Path) -> list[dict[str, Any]]:
    return [dict(row.values) for row in rows(path)]


@in_own_folder
@given(OBJECTS, st.booleans())
def test_jsonl_and_json_hold_the_same_rows(tmp_path: Path, objects: list[dict[str, Any]], blank: bool) -> None:
    lines = [json.dumps(one) for one in objects]
    (tmp_path / "d.jsonl").write_text(("\n\n" if blank else "\n").join(lines), encoding="utf-8")
    (tmp_path / "d.json").write_text(json.dumps(objects), encoding="utf-8")
    assert values_of(tmp_path / "d.jsonl") == values_of(tmp_path / "d.json") == objects
    assert [row.number for row in rows(tmp_path / "d.jsonl")] == list(range(len(objects)))


@in_own_folder
@given(st.lists(st.lists(st.text(max_size=8), min_size=2, max_size=2), max_size=6))
def test_csv_values_are_text_whatever_is_in_them(tmp_path: Path, cells: list[list[str]]) -> None:
    cells = [[value.replace("\0", "").replace("\r", "") for value in row] for row in cells]
    with (tmp_path / "d.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["a", "b"], *cells])
    assert values_of(tmp_path / "d.csv") == [{"a": one, "b": other} for one, other in cells]


@in_own_folder
@given(st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b"").replace(b"\r", b"")), max_size=10))
def test_no_line_of_bytes_raises_or_is_lost(tmp_path: Path, found: list[bytes]) -> None:
    (tmp_path / "d.jsonl").write_bytes(b"\n".join(found))
    whole = [line for line in found if line.removeprefix(b"\xef\xbb\xbf").strip() or line.strip()]
    read = list(rows(tmp_path / "d.jsonl"))
    assert abs(len(read) - len(whole)) <= 1  # a first line that is a byte order mark only is none
    assert all(row.fault or row.values == json.loads(json.dumps(dict(row.values))) for row in read)


def test_a_broken_line_is_told_by_its_number_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "d.jsonl").write_text('{"a": 1}\n\n{"a": \n[1]\n{"a": 2}\n')
    found = survey(tmp_path / "d.jsonl")
    assert (found.lines, found.broken, found.columns) == (4, 2, ("a",))
    assert found.faults == (
        "line 3 of d.jsonl is not JSON (Expecting value)",
        "line 4 of d.jsonl is a list, not an object",
    )


def test_a_row_of_another_length_is_told(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("a,b\n1,2\n3\n4,5\n")
    assert [row.fault for row in rows(tmp_path / "d.csv")] == ["", "line 3 of d.csv has 1 values for 2 columns", ""]


def test_a_folder_is_its_files_in_order_of_name(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "b.jsonl").write_text('{"a": 2}\n')
    (tmp_path / "data" / "a.csv").write_text("a\n1\n")
    assert [(row.number, row.values["a"]) for row in rows(tmp_path / "data")] == [(0, "1"), (1, 2)]


def test_numbers_of_lines_in_the_data_count_and_must_grow(tmp_path: Path) -> None:
    file = tmp_path / "d.jsonl"
    file.write_text('{"line_number": 3}\n{"line_number": 7}\n')
    assert [row.number for row in rows(file)] == [3, 7]
    file.write_text('{"line_number": 3}\n{"line_number": 3}\n')
    with pytest.raises(SpecError, match="found 3 after 3"):
        list(rows(file))


def test_a_column_oriented_object_is_turned(tmp_path: Path) -> None:
    (tmp_path / "d.json").write_text('{"a": [1, 2], "b": {"0": 3, "1": 4}}')
    assert values_of(tmp_path / "d.json") == [{"a": 1, "b": 3}, {"a": 2, "b": 4}]


def test_what_is_not_read_here_says_so(tmp_path: Path) -> None:
    (tmp_path / "d.parquet").touch()
    with pytest.raises(Unsupported, match="parquet"):
        list(rows(tmp_path / "d.parquet"))
    with pytest.raises(SpecError, match="can't be read"):
        list(rows(tmp_path / "none.jsonl"))


def test_the_hash_is_of_names_and_bytes(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    file = tmp_path / "data" / "a.jsonl"
    file.write_text('{"a": 1}\n')
    before = survey(tmp_path / "data").sha256
    assert survey(tmp_path / "data").sha256 == before
    file.write_text('{"a": 2}\n')
    assert survey(tmp_path / "data").sha256 != before
