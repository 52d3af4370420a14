"""Requests and answers as Envoy shows them at its admin socket, while they pass and never on a disk. Pure.

Envoy's tap filter copies what it is asked for: a share of the requests to the scoring route, bodies up to a size. It
stands behind the check of keys, so strangers' requests never come here; nor do those that name their deployment, which
are tests' and Sluice's own.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from sluice.spec.rollout import Record
from sluice.targets.local.envoy.clusters import Json
from sluice.targets.local.envoy.door import TAP
from sluice.traffic.router import DEPLOYMENT_HEADER

_SCORE: Final = "/score"
_END: Final = b"\n}\n"
_KEPT_HEADERS: Final = ("content-type", "content-encoding", DEPLOYMENT_HEADER)


@dataclass(frozen=True)
class Exchange:
    """A request and its answer. A body that was longer than what is kept is None; other headers are gone."""

    body: bytes | None = field(repr=False)
    answer: bytes | None = field(repr=False)
    status: int
    deployment: str
    content_type: str
    answer_type: str
    encoded: bool


def tap_request(record: Record) -> str:
    """Return the body of the POST to /tap that asks for what is to be recorded."""
    share = {"numerator": round(record.percent * 10_000), "denominator": "MILLION"}
    output = {
        "sinks": [{"format": "JSON_BODY_AS_BYTES", "streaming_admin": {}}],
        "max_buffered_rx_bytes": record.most_bytes,
        "max_buffered_tx_bytes": record.most_bytes,
    }
    config = {"match": _match(), "tap_enabled": {"default_value": share}, "output_config": output}
    return json.dumps({"config_id": TAP, "tap_config": config})


def exchanges(pieces: Iterable[bytes]) -> Iterator[Exchange]:
    """Read the answer to that POST, which comes in pieces: JSON objects, each ends in a brace at the margin."""
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(_END)
        yield from (_exchange(json.loads(one + _END)["http_buffered_trace"]) for one in whole)


def _match() -> Json:
    headers = [
        {"name": ":method", "string_match": {"exact": "POST"}},
        {"name": ":path", "string_match": {"exact": _SCORE}},
        {"name": DEPLOYMENT_HEADER, "present_match": True, "invert_match": True},
    ]
    return {"http_request_headers_match": {"headers": headers}}


def _exchange(trace: Json) -> Exchange:
    request, response = trace.get("request", {}), trace.get("response", {})
    asked, answered = _headers(request), _headers(response)
    return Exchange(
        body=_body(request),
        answer=_body(response),
        status=int(answered.get(":status", 0)),
        deployment=answered.get(DEPLOYMENT_HEADER, ""),
        content_type=asked.get("content-type", ""),
        answer_type=answered.get("content-type", ""),
        encoded="content-encoding" in asked,
    )


def _headers(message: Json) -> dict[str, str]:
    named = {one["key"].lower(): one["value"] for one in message.get("headers", [])}
    return {name: value for name, value in named.items() if name in (":status", *_KEPT_HEADERS)}


def _body(message: Json) -> bytes | None:
    found = message.get("body")
    if found is None:
        return b""
    return None if found.get("truncated") else base64.b64decode(found.get("as_bytes", ""))
