from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.spec.columns import MAX_BYTES, Columns, columns_of


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("d.jsonl", '{"a": 1}\n\n{"b": 2, "a": 3}\n', Columns(("a", "b"))),
        ("d.csv", "a,b c\n1,2\n", Columns(("a", "b c"))),
        ("d.csv", '"a,b",c\r\n1,2\r\n', Columns(("a,b", "c"))),
        ("d.tsv", "a\tb\n1\t2\n", Columns(("a", "b"))),
        ("d.json", '[{"a": 1}, {"b": 2}]', Columns(("a", "b"))),
        ("d.json", '{"a": {"0": 1}, "b": {"0": 2}}', Columns(("a", "b"))),
        ("d.txt", '{"a": 1}', Columns(("a",))),
        ("d.jsonl", '{"a": "\u2028"}\r\n{"b": 1}\r\n', Columns(("a", "b"))),
        ("d.jsonl", '\ufeff{"a": 1}', Columns(("a",))),
        ("d.jsonl", "", None),
        ("d.jsonl", "[1]", None),
        ("d.jsonl", '{"a": 1}\nno json', None),
        ("d.csv", "", None),
        ("d.json", "", None),
        ("d.json", "{}", None),
        ("d.json", "1", None),
        ("d.parquet", "PAR1", None),
        ("d.jsonl", "[" * 100_000, None),
    ],
)
def test_of_a_file(tmp_path: Path, name: str, content: str, expected: Columns | None) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")

    assert columns_of(tmp_path / name) == expected


def test_only_the_beginning_of_a_large_file_is_read(tmp_path: Path) -> None:
    line = json.dumps({"text": "x" * 1000, "other": "ü" * 1000}, ensure_ascii=False) + "\n"
    (tmp_path / "d.jsonl").write_text(line * (MAX_BYTES // 1000) + '{"last": 1}\n', encoding="utf-8")

    assert columns_of(tmp_path / "d.jsonl") == Columns(("text", "other"), complete=False)


def test_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"a": 1}', encoding="utf-8")
    (tmp_path / "b.csv").write_text("b\n1", encoding="utf-8")

    assert columns_of(tmp_path) == Columns(("a", "b"))

    (tmp_path / "notes.md").write_text("no data", encoding="utf-8")

    assert columns_of(tmp_path) == Columns(("a", "b"), complete=False)


def test_of_nothing(tmp_path: Path) -> None:
    assert columns_of(tmp_path) is None
    assert columns_of(tmp_path / "missing.jsonl") is None


@given(st.binary(max_size=300), st.sampled_from([".jsonl", ".json", ".csv", ".tsv", ""]))
def test_anything_gives_columns_or_nothing(tmp_path_factory: pytest.TempPathFactory, data: bytes, suffix: str) -> None:
    path = tmp_path_factory.getbasetemp() / f"any{suffix}"
    path.write_bytes(data)

    found = columns_of(path)

    assert found is None or found.names


@given(st.lists(st.dictionaries(st.text(max_size=5), st.integers(), min_size=1), min_size=1, max_size=10))
def test_every_key_of_a_line_is_a_column(
    tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, int]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")

    found = columns_of(path)

    assert found is not None
    assert set(found.names) == {key for record in records for key in record}
