from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import Mark, SpecFileError
from sluice.spec.nodes import ListNode, MapNode, Node, ScalarNode, dig, mark_of, to_json
from sluice.spec.parse import parse_documents, single

SIGNS = st.characters(codec="utf-8", exclude_characters="\0")
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(SIGNS)
KEYS = st.text(SIGNS, min_size=1)
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
    ("text", "line", "column", "code", "words"),
    [
        ("a: 1\nb:\n  c: 2\n  c: 3\n", 4, 3, "duplicate-key", "`c` is written twice, first in line 3"),
        ("yes: 1\ntrue: 2\n", 2, 1, "duplicate-key", "`true` is written twice, first in line 1"),
        ("8: 1\n010: 2\n", 2, 1, "duplicate-key", "`010` is written twice"),
        ("a: &a\n  b: *a\n", 2, 6, "yaml-cycle", "inside what it names"),
        ("&a\n? *a\n: b\n", 2, 3, "yaml-cycle", "inside what it names"),
        ("a: *secret\n", 1, 4, "yaml-anchor", "no anchor"),
        ("a: &secret 1\nb: &secret 2\n", 2, 4, "yaml-anchor", "a name that another has"),
        ("a: !secret x\n", 1, 4, "yaml-tag", "unknown YAML tag"),
        ("!secret a: x\n", 1, 1, "yaml-tag", "unknown YAML tag"),
        ("a: !!set {x}\n", 1, 4, "yaml-tag", "unknown YAML tag"),
        ("a: !!map x\n", 1, 4, "yaml-tag", "unknown YAML tag"),
        ("a: !secret!x y\n", 1, 4, "yaml-tag", "unknown tag"),
        ("a: x\x00y\n", 1, 5, "control-character", r"control character \(U\+0000\)"),
        ("ä: ö\x1by\n", 1, 5, "control-character", r"control character \(U\+001B\)"),
        ("a: \ud800\n", 1, 4, "control-character", "control character"),
        ('a: "x\\0"\n', 1, 4, "control-character", "a NUL character"),
        ("a: 2024-13-45\n", 1, 4, "yaml-value", "looks like a YAML timestamp"),
        ("a: 0x_\n", 1, 4, "yaml-value", "looks like a YAML int"),
        ("a: !!int x\n", 1, 4, "yaml-value", "looks like a YAML int"),
        ("a: !!timestamp x\n", 1, 4, "yaml-value", "looks like a YAML timestamp"),
        ("a: !!binary ä\n", 1, 4, "yaml-value", "looks like a YAML binary"),
        ("a: =\n", 1, 4, "yaml-value", "a sign of its own"),
        ("a: <<\n", 1, 4, "yaml-value", "a sign of its own"),
        ("a: {{NAME}}\n", 1, 4, "yaml-placeholder", "not filled in"),
        ("{% if x %}\na: 1\n", 1, 2, "yaml-placeholder", "not filled in"),
        ("{a: b}: c\n", 1, 1, "yaml-key", "a key is a string"),
        ("a: 1\n[b, c]: 2\n", 2, 1, "yaml-key", "a key is a string"),
        ("a: &a {}\n*a : 2\n", 2, 1, "yaml-key", "a key is a string"),
        ("a: 1\n: b\n", 2, 1, "yaml-key", "nothing stands before the colon"),
        ("?\n: b\n", 1, 2, "yaml-key", "nothing stands before the colon"),
        ("x" * 2000 + ": 1\n", 1, 1, "yaml-key", "longer than 1024"),
        ("? " + "x" * 2000 + "\n: 1\n", 1, 3, "yaml-key", "longer than 1024"),
        ("a:\n  <<: 1\n", 2, 7, "yaml-merge", "merges mappings"),
        ("{<<", 1, 2, "yaml-merge", "merges mappings"),
        ("a: {<<: [{b: 1}, c]}\n", 1, 18, "yaml-merge", "merges mappings"),
        ("[" * 50_000, 1, 101, "too-deep", "levels deep"),
        ("- " * 50_000, 1, 201, "too-deep", "levels deep"),
    ],
)
def test_what_is_wrong_has_its_place(text: str, line: int, column: int, code: str, words: str) -> None:
    with pytest.raises(SpecFileError, match=words) as caught:
        parse(text)

    assert caught.value.at == Mark("f.yaml", line, column)
    assert caught.value.code == code
    assert "secret" not in str(caught.value)


def bomb(merging: str) -> str:
    def level(number: int) -> str:
        above = ", ".join([f"*a{number - 1}"] * 9)
        return f"a{number}: &a{number} " + (f"{{<<: [{above}], b{number}: x}}" if merging else f"[{above}]")

    return "\n".join(["a0: &a0 {b0: x}", *map(level, range(1, 9))])


@pytest.mark.parametrize("merging", ["", "by merge keys"])
def test_an_alias_bomb_is_refused(merging: str) -> None:
    with pytest.raises(SpecFileError, match="more than 50,000 values") as caught:
        parse(bomb(merging))

    assert caught.value.code == "too-many-values"


def test_many_values_are_refused() -> None:
    with pytest.raises(SpecFileError, match="more than 50,000 values") as caught:
        parse("- x\n" * 200_000)

    assert caught.value.at == Mark("f.yaml", 50_000, 3)


@pytest.mark.parametrize("text", ["a: " + "1" * 5_000, "a: " + ":".join(["1"] * 50_000), f"a: 1.{'0' * 5_000}"])
def test_a_number_that_nothing_could_read_is_text(text: str) -> None:
    assert to_json(parse(text)) == {"a": text[3:]}


@pytest.mark.parametrize(
    "text",
    [
        "a: &a {x: 1}\nb: &b {x: 2}\nc: {<<: *a, <<: *b}",
        "a: &a {x: 1}\nb: &b {x: 2}\nc: {<<: [*a, *b]}",
        "a: &a {x: 1, y: 1}\nb: &b {<<: *a, x: 2}\nc: {z: 1, <<: *b, y: 3}",
        "a: {'<<': 1}",
    ],
)
def test_merge_keys_mean_what_safe_load_makes_of_them(text: str) -> None:
    assert to_json(parse(text)) == yaml.safe_load(text)


def test_a_key_says_what_it_becomes() -> None:
    node = parse("no: 1\n010: 2\n'no ': 3\n7: 4\n~: 5\n")

    assert isinstance(node, MapNode)
    assert {key: entry.key_becomes for key, entry in node.entries.items()} == {
        "no": "False", "010": "8", "no ": None, "7": None, "~": "None",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text", ["a: 1\nb: {c: [x, 2.5, no, ~, 2024-01-01]}\n", "a: 1\n---\nb: 2\n", "a: &x [1]\nb: *x\n"]
)
def test_without_libyaml_the_same_is_read(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = parse_documents(text, "f.yaml")
    monkeypatch.setattr("sluice.spec.parse.Events", yaml.SafeLoader)

    assert parse_documents(text, "f.yaml") == quick


@pytest.mark.parametrize(
    "text", ["a: b: c", "a: [b", "a: *secret", "a: &secret 1\nb: &secret 2", "a: 'secret", "a: \x00"]
)
def test_without_libyaml_the_same_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sluice.spec.parse.Events", yaml.SafeLoader)

    with pytest.raises(SpecFileError) as caught:
        parse(text)

    assert caught.value.at is not None
    assert caught.value.at.line == (2 if "\n" in text else 1)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\n---\nb: 2\n", 2, "into a file of its own"),
        ("a: 1\n---\n", 2, "with nothing after it"),
        ("---\n---\na: 1\n", 2, "into a file of its own"),
        ("# first\na: 1\n\n--- # second\nb: 2\n---\nc: 3\n", 4, "into a file of its own"),
    ],
)
def test_a_second_document_is_refused_where_it_begins(text: str, line: int, words: str) -> None:
    with pytest.raises(SpecFileError, match="one document, found") as caught:
        single(parse_documents(text, "f.yaml"), Mark("f.yaml"))

    assert caught.value.at == Mark("f.yaml", line, 1)
    assert caught.value.code == "several-documents"
    assert words in caught.value.remedy


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "---\n...\n", "%YAML 1.1\n---\n# x\n"])
def test_an_empty_file_is_refused(text: str) -> None:
    with pytest.raises(SpecFileError, match="empty") as caught:
        single(parse_documents(text, "f.yaml"), Mark("f.yaml"))

    assert caught.value.code == "empty-file"


@pytest.mark.parametrize("text", ["? a", "? a\n", "? a\n# x\n\n\n", "{? a}"])
def test_a_missing_value_stands_inside_the_file(text: str) -> None:
    node = dig(parse(text), "a")

    assert node
    assert node.at.line == 1


def test_a_mark_of_what_is_missing_is_its_nearest_parent() -> None:
    node = parse("a:\n  b: 1\n")

    assert mark_of(node, "a", "c", "d") == Mark("f.yaml", 1, 1)
