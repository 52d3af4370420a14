"""How alike two answers are."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.rollout.works.likeness import Reply, by_body, by_status, equal, nowhere, parsed, pointed, similarity
from sluice.spec.rollout import Likeness

TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)
# The document and its pointers of RFC 6901, section 5.
RFC = {"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, 'k"l': 6, " ": 7, "m~n": 8}
POINTERS = {
    "": RFC, "/foo": ["bar", "baz"], "/foo/0": "bar", "/": 0, "/a~1b": 1, "/c%d": 2,
    "/e^f": 3, "/g|h": 4, "/i\\j": 5, '/k"l': 6, "/ ": 7, "/m~0n": 8,
}  # fmt: skip
LOST = ["/no", "/foo/2", "/foo/00", "/foo/-", "/foo/-1", "/foo/x", "/foo/0/1", "foo", "/foo/999999999999"]


@pytest.mark.parametrize(("pointer", "value"), POINTERS.items())
def test_pointers_of_the_standard(pointer: str, value: object) -> None:
    assert pointed(RFC, pointer) == value


def test_pointers_that_lead_nowhere() -> None:
    assert nowhere([*LOST, "/foo"], [RFC, {"x": 1}]) == LOST


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ('{"a": 1, "b": [2]}', '{"b":[2.0],"a":1}', True),
        ('{"a": 1}', '{"a": true}', False),
        ('{"a": 0}', '{"a": false}', False),
        ("[1, 2]", "[2, 1]", False),
        ("[1]", "[1, 1]", False),
        ('{"a": null}', "{}", False),
        ("not json ", "not json", True),
    ],
)
def test_exactly_equal(one: str, other: str, *, alike: bool) -> None:
    assert by_body(Likeness.EXACT, (), one.encode(), other.encode())[0] == float(alike)


def test_fields_are_graded_and_those_that_differ_are_named() -> None:
    stable, green = b'{"answer": "yes", "n": {"x": 1}, "t": 3}', b'{"answer": "yes", "n": {"x": 2}, "t": 4}'
    assert by_body(Likeness.FIELDS, ("/answer",), stable, green) == (1.0, "")
    assert by_body(Likeness.FIELDS, ("/answer", "/n/x"), stable, green) == (0.5, "differs at /n/x")
    assert by_body(Likeness.FIELDS, ("/answer", "/gone"), stable, b'{"answer": "yes", "gone": 1}')[0] == 0.5


def test_similarity_is_of_the_words_of_the_values() -> None:
    stable = b'{"answer": "We open at nine, every day."}'
    assert by_body(Likeness.SIMILARITY, (), stable, b'{"reply": "We open at nine, every day."}')[0] == 1.0
    found, _ = by_body(Likeness.SIMILARITY, (), stable, b'{"answer": "We open at ten, every day."}')
    assert found == pytest.approx(14 / 16)  # seven of eight words and signs
    assert by_body(Likeness.SIMILARITY, (), stable, b'{"answer": "No idea"}')[0] == 0.0
    only = by_body(Likeness.SIMILARITY, ("/a",), b'{"a": "x", "b": "y"}', b'{"a": "x", "b": "z"}')
    assert only[0] == 1.0


@pytest.mark.parametrize(
    ("stable", "green", "likeness"),
    [
        (200, 500, 0.0),
        (200, 400, 0.0),
        (200, 429, 0.0),
        (200, None, 0.0),
        (400, 400, 1.0),
        (422, 422, 1.0),
        (400, 200, 0.0),
        (400, 422, 0.0),
        (500, 500, None),
        (500, 200, None),
        (429, 429, None),
        (408, 200, None),
        (401, 401, None),
        (302, 302, None),
        (None, 200, None),
    ],
)
def test_what_statuses_say(stable: int | None, green: int | None, likeness: float | None) -> None:
    decided = by_status(Reply(stable, trouble="gone"), Reply(green, trouble="gone"))
    assert decided is not None
    assert decided[0] == likeness
    assert decided[1]


def test_two_answers_are_compared_by_their_bodies() -> None:
    assert by_status(Reply(200), Reply(201)) is None


@given(TREES, TREES)
def test_equality_is_that_of_json(one: Any, other: Any) -> None:
    assert equal(one, one)
    assert equal(one, other) == equal(other, one)
    if json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True):
        assert equal(one, other)


@given(TREES, TREES, st.sampled_from([Likeness.EXACT, Likeness.FIELDS, Likeness.SIMILARITY]))
def test_a_likeness_lies_between_nought_and_one(one: Any, other: Any, likeness: Likeness) -> None:
    first, second = json.dumps(one).encode(), json.dumps(other).encode()
    assert 0 <= by_body(likeness, ("/0", "/a"), first, second)[0] <= 1
    assert by_body(likeness, ("/0", "/a"), first, first)[0] == 1


@given(st.binary(max_size=50))
def test_any_body_is_read(body: bytes) -> None:
    assert equal(parsed(body), parsed(body)) or "NaN" in body.decode(errors="replace")


@given(st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.sampled_from("abc"), max_size=12))
def test_similarity_of_equal_words_is_one(one: list[str], other: list[str]) -> None:
    assert similarity(one, one) == 1
    assert (similarity(one, other) == 1) == (one == other)
