from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import Mark, SpecFileError
from sluice.spec.nodes import ListNode, MapNode, Node, ScalarNode, dig, mark_of, to_json
from sluice.spec.parse import parse_documents, read_node

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
KEYS = st.text(min_size=1)
TREES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=15)


def parse(text: str) -> Node:
    return parse_documents(text, "f.yaml")[0]


def scalars(node: Node) -> list[ScalarNode]:
    if isinstance(node, MapNode):
        return [found for entry in node.entries.values() for found in scalars(entry.node)]
    return [found for item in node.items for found in scalars(item)] if isinstance(node, ListNode) else [node]


@given(TREES)
def test_values_are_those_of_safe_load(tree: Any) -> None:
    text = yaml.safe_dump(tree)

    assert to_json(parse(text)) == yaml.safe_load(text)


@given(st.dictionaries(KEYS, st.integers() | st.from_regex(r"[a-z]{1,8}", fullmatch=True), min_size=1))
def test_a_mark_points_at_the_text(tree: dict[str, int | str]) -> None:
    text = yaml.safe_dump(tree, allow_unicode=False)
    lines = text.splitlines()

    for scalar in scalars(parse(text)):
        assert scalar.written in lines[scalar.at.line - 1][scalar.at.column - 1 :]


@pytest.mark.parametrize(
    ("written", "value"),
    [("010", 8), ("2:30", 150), ("no", False), ("~", None), ("1_000", 1000), ("0x1f", 31), ("'no'", "no")],
)
def test_scalars_follow_yaml_1_1(written: str, value: object) -> None:
    assert to_json(parse(f"a: {written}")) == {"a": value}


def test_a_key_keeps_its_text() -> None:
    assert to_json(parse("no: 1\n2: b\n~: c")) == {"no": 1, "2": "b", "~": "c"}


def test_merge_keys_give_way_to_written_ones() -> None:
    node = parse("a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}\nc: {<<: [{x: 4}, *a]}")

    assert to_json(dig(node, "b") or node) == {"x": 3, "y": 2}
    assert to_json(dig(node, "c") or node) == {"x": 4, "y": 2}
    assert mark_of(node, "b", "y") == Mark("f.yaml", 1, 14)


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("a: 1\nb:\n  c: 2\n  c: 3\n", 4, 3, "written twice, first in line 3"),
        ("a: &a\n  b: *a\n", 2, 6, "inside what it names"),
        ("a: *secret\n", 1, 4, "no anchor"),
        ("a: !secret x\n", 1, 4, "unknown YAML tag"),
        ("a:\n\tb: 1\n", 2, 1, "broken YAML"),
        ("a: b: c\n", 1, 5, "broken YAML"),
        ("a: x\x00y\n", 1, 5, "control character"),
        ("a: 2024-13-45\n", 1, 4, "looks like a YAML timestamp"),
        ("a: {{NAME}}\n", 1, 5, "a key is a string"),
        ("[" * 50_000, 1, 101, "levels deep"),
    ],
)
def test_what_is_wrong_has_its_place(text: str, line: int, column: int, words: str) -> None:
    with pytest.raises(SpecFileError, match=words) as caught:
        parse(text)

    assert caught.value.at == Mark("f.yaml", line, column)
    assert "secret" not in str(caught.value)


def test_an_alias_bomb_is_refused() -> None:
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9))]

    with pytest.raises(SpecFileError, match="aliases make more than"):
        parse("\n".join(lines))


def test_a_second_document_is_refused(tmp_path: Path) -> None:
    (tmp_path / "two.yaml").write_text("a: 1\n---\nb: 2\n")

    with pytest.raises(SpecFileError, match="one document, found 2") as caught:
        read_node(tmp_path / "two.yaml", tmp_path)

    assert caught.value.at == Mark("two.yaml", 3, 1)


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "empty"), (b"# only a comment\n", "empty"), (b"a: 1\nb: \xff\n", "not UTF-8"), (None, "does not exist")],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "sub" / "f.yaml"
    path.parent.mkdir()
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(SpecFileError, match=words) as caught:
        read_node(path, tmp_path)

    assert caught.value.at is not None
    assert caught.value.at.path == "sub/f.yaml"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "f.yaml").write_text("a: ä\r\nb: 1\r\n", encoding=encoding)

    node = read_node(tmp_path / "f.yaml", tmp_path)

    assert to_json(node) == {"a": "ä", "b": 1}
    assert mark_of(node, "b") == Mark("f.yaml", 2, 1)


def test_a_mark_of_what_is_missing_is_its_nearest_parent() -> None:
    node = parse("a:\n  b: 1\n")

    assert mark_of(node, "a", "c", "d") == Mark("f.yaml", 1, 1)
