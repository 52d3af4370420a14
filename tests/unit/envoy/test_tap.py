"""What is asked of Envoy's tap, and what is read from it."""

from __future__ import annotations

import base64
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sluice.spec.rollout import Record
from sluice.targets.local.envoy.tap import Exchange, exchanges, tap_request


def trace(body: bytes | None, answer: bytes | None, *, truncated: bool = False, encoding: str = "") -> dict[str, Any]:
    def message(content: bytes | None, pairs: dict[str, str]) -> dict[str, Any]:
        shown = [{"key": key, "value": value, "raw_value": ""} for key, value in pairs.items()]
        if content is None:
            return {"headers": shown, "body": None, "trailers": []}
        return {"headers": shown, "body": {"as_bytes": base64.b64encode(content).decode(), "truncated": truncated}}

    asked = {"authorization": "Bearer k", "Cookie": "a=b", "content-type": "application/json"}
    asked |= {"content-encoding": encoding} if encoding else {}
    answered = {":status": "200", "azureml-model-deployment": "blue", "set-cookie": "c=d"}
    return {"http_buffered_trace": {"request": message(body, asked), "response": message(answer, answered)}}


def pieces(*traces: dict[str, Any], size: int = 7) -> list[bytes]:
    text = "".join(json.dumps(one, indent=1) + "\n\n" for one in traces).encode()
    return [text[start : start + size] for start in range(0, len(text), size)]


@given(st.lists(st.tuples(st.binary(max_size=9), st.binary(max_size=9)), max_size=3), st.integers(1, 2000))
def test_each_exchange_is_read_as_it_was(bodies: list[tuple[bytes, bytes]], size: int) -> None:
    found = list(exchanges(pieces(*(trace(body, answer) for body, answer in bodies), size=size)))
    assert [(one.body, one.answer) for one in found] == bodies
    assert {(one.status, one.deployment, one.content_type) for one in found} <= {(200, "blue", "application/json")}


def test_headers_are_not_kept_and_bodies_do_not_show() -> None:
    (one,) = exchanges(pieces(trace(b"hidden body", b"hidden answer")))
    assert one == Exchange(b"hidden body", b"hidden answer", 200, "blue", "application/json", "", encoded=False)
    assert "hidden" not in repr(one)


def test_a_body_that_is_cut_short_is_none_and_a_missing_one_empty() -> None:
    (cut,) = exchanges(pieces(trace(b"{", b"{", truncated=True)))
    assert (cut.body, cut.answer) == (None, None)
    (empty,) = exchanges(pieces(trace(None, None)))
    assert (empty.body, empty.answer) == (b"", b"")
    (encoded,) = exchanges(pieces(trace(b"x", b"y", encoding="gzip")))
    assert encoded.encoded


def test_an_exchange_that_is_not_whole_yet_is_not_read() -> None:
    assert list(exchanges(pieces(trace(b"a", b"b"))[:-1])) == []


def test_the_share_and_the_sizes_are_envoys_to_keep() -> None:
    asked = json.loads(tap_request(Record(percent=0.5, most_bytes=9)))["tap_config"]
    assert asked["tap_enabled"]["default_value"] == {"numerator": 5000, "denominator": "MILLION"}
    assert asked["output_config"]["max_buffered_rx_bytes"] == 9
    assert asked["output_config"]["max_buffered_tx_bytes"] == 9
