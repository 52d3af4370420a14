"""Lines of an access log, as Envoy writes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from sluice.rollout.meters.outcomes import Outcome, outcome

Line = Callable[..., bytes]


def written(deployment: str | None = "blue", **fields: Any) -> bytes:
    """Return one line, of a request that went well where nothing else is said."""
    found = {
        "attempts": 1,
        "deployment": deployment,
        "details": "via_upstream",
        "flags": "-",
        "kind": "live",
        "ms": 3,
        "replica": "127.0.0.1:1",
        "request_id": "a-b",
        "served_us": 2500,
        "status": 200,
        "time": "2026-11-22T23:27:27.347Z",
        "tokens": None,
    }
    return json.dumps(found | fields, separators=(",", ":")).encode()


@pytest.fixture
def line() -> Line:
    return written


@pytest.fixture
def ended() -> Callable[..., Outcome]:
    """How a request ended."""

    def make(deployment: str | None = "blue", **fields: Any) -> Outcome:
        found = outcome(written(deployment, **fields))
        assert found
        return found

    return make
