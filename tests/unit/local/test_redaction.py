"""What is taken out of a body, and what is left."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.targets.local.redaction import redacted

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda child: st.lists(child, max_size=3) | st.dictionaries(st.sampled_from("ab/~0"), child, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("pointer", "left"),
    [
        ("/name", {"name": "[redacted]", "rows": [{"n": 7, "ok": True}, []], "a/b": {"~": 1.5}}),
        ("/rows/0/n", {"name": "Ann", "rows": [{"n": 0, "ok": True}, []], "a/b": {"~": 1.5}}),
        ("/rows/0/ok", {"name": "Ann", "rows": [{"n": 7, "ok": False}, []], "a/b": {"~": 1.5}}),
        ("/rows", {"name": "Ann", "rows": [], "a/b": {"~": 1.5}}),
        ("/a~1b/~0", {"name": "Ann", "rows": [{"n": 7, "ok": True}, []], "a/b": {"~": 0.0}}),
        ("", {}),
    ],
)
def test_a_value_leaves_an_empty_one_of_its_type(pointer: str, left: Any) -> None:
    body = {"name": "Ann", "rows": [{"n": 7, "ok": True}, []], "a/b": {"~": 1.5}}
    found = redacted(json.dumps(body).encode(), [pointer])
    assert found is not None
    assert json.loads(found) == left


@pytest.mark.parametrize("pointer", ["/none", "/rows/9", "/rows/-", "/rows/²", "/name/first", "/rows/0/n/x"])
def test_what_is_not_there_takes_nothing_out(pointer: str) -> None:
    body = {"name": "Ann", "rows": [{"n": 7}]}
    found = redacted(json.dumps(body).encode(), [pointer])
    assert found is not None
    assert json.loads(found) == body


@pytest.mark.parametrize("body", [b"name=Ann", b"", b"\xff\xfe", b"data: {}\n\n", b'{"a": 1, "a": 2}', b"[" * 100_000])
def test_a_body_of_which_nothing_can_be_told_is_not_kept(body: bytes) -> None:
    assert redacted(body, ["/a"]) is None


def test_without_pointers_a_body_stays_as_it_is() -> None:
    assert redacted(b"\xff not JSON", []) == b"\xff not JSON"


@given(JSON, st.text(alphabet="secrt", min_size=6, max_size=9))
def test_a_text_is_gone_wherever_a_pointer_leads_to_it(value: Any, secret: str) -> None:
    body = json.dumps({"here": secret, "there": [value, {"deep/~": secret}]}).encode()
    found = redacted(body, ["/here", "/there/1/deep~1~0"])
    assert found is not None
    assert secret not in found.decode()
    assert json.loads(found)["there"][0] == value
