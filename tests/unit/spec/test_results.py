"""The key that a finding is about, told by its place and its words; the order of findings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import Mark
from sluice.spec.findings import error_at, warning_at
from sluice.spec.nodes import ListNode, MapNode, Node, ScalarNode, mark_of
from sluice.spec.parse import parse_documents
from sluice.spec.results import FileResult, Finding, spots, with_keys

TEXT = """name: blue
model:
  path: x
  version: 1
grants:
  - role: a
    scope: b
  - role: c
"""


def tree(text: str = TEXT) -> Node:
    return parse_documents(text, "f.yaml")[0]


def key(line: int, column: int, message: str = "something is wrong", code: str = "type") -> str:
    [finding] = with_keys([error_at(Mark("f.yaml", line, column), message, "", code)], spots(tree()))
    return finding.key


@pytest.mark.parametrize(
    ("line", "column", "told"),
    [
        (1, 7, "name"),
        (2, 1, "model"),
        (3, 9, "model.path"),
        (4, 3, "model.version"),
        (7, 5, "grants[0].scope"),
        (8, 11, "grants[1].role"),
        (9, 9, ""),
    ],
)
def test_a_place_has_a_key(line: int, column: int, told: str) -> None:
    assert key(line, column) == told


def test_where_a_mapping_begins_with_its_first_key_the_words_decide() -> None:
    assert key(3, 3, "`model` must be a string, found a mapping") == "model"
    assert key(3, 3, "unknown key `path` in `model`") == "model.path"
    assert key(3, 3, "`model.path` does not exist") == "model.path"
    assert key(1, 1, "neither `model` nor `environment` is given") == ""
    assert key(1, 1, "unknown key `name`") == "name"


def test_a_missing_key_is_what_is_missing() -> None:
    assert key(1, 1, "`endpoint_name` is missing") == "endpoint_name"
    assert key(2, 1, "`model.name` is missing") == "model.name"


def test_findings_are_in_the_order_of_the_file_and_causes_first() -> None:
    later, cause, effect = (
        error_at(Mark("f", 3, 1), "later"),
        error_at(Mark("f", 2, 5), "z is the cause"),
        warning_at(Mark("f", 2, 5), "a follows from it"),
    )
    found = with_keys([later, cause, effect, cause], {})
    assert [one.diagnostic for one in found] == [cause, effect, later]


def test_a_file_with_warnings_only_is_ok() -> None:
    warned = Finding(warning_at(Mark("f"), "w"))
    assert FileResult("f", "model", (warned,)).ok
    assert not FileResult("f", "model", (warned, Finding(error_at(Mark("f"), "e")))).ok


KEYS = st.sampled_from(["a", "b", "c"])
VALUES = st.recursive(
    st.sampled_from(["x", "1", "~"]),
    lambda below: st.lists(below, min_size=1, max_size=3) | st.dictionaries(KEYS, below, min_size=1, max_size=3),
)


@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=3), st.booleans())
def test_every_key_is_found_at_its_own_place(value: object, flow: bool) -> None:
    import yaml

    node = tree(yaml.safe_dump(value, default_flow_style=flow))
    places = spots(node)
    for path in paths(node, ()):
        assert any(spot.path == path for spot in places[mark_of(node, *path)])


def paths(node: Node, above: tuple[str | int, ...]) -> list[tuple[str | int, ...]]:
    if isinstance(node, ScalarNode):
        return []
    steps: dict[str | int, Node] = {}
    if isinstance(node, MapNode):
        steps = {key: entry.node for key, entry in node.entries.items()}
    if isinstance(node, ListNode):
        steps = dict(enumerate(node.items))
    return [one for step, below in steps.items() for one in ((*above, step), *paths(below, (*above, step)))]
