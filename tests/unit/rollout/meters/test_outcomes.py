"""How a request ended, by its line in the access log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.rollout.meters.outcomes import Outcome, outcome, tallied
from sluice.rollout.world import Tallied

Ended = Callable[..., Outcome]
Line = Callable[..., bytes]

# As a real Envoy wrote them.
GONE = {
    "status": 503,
    "flags": "URX,UF",
    "details": "upstream_reset_before_response_started{remote_connection_failure}",
}
CUT = {"flags": "UPE", "details": "upstream_reset_after_response_started{protocol_error}", "served_us": None}
BROKE_OFF = {"status": 502, "flags": "UC", "details": "upstream_reset_before_response_started{connection_termination}"}
LATE = {"status": 408, "flags": "UT", "details": "response_timeout", "served_us": None}
NOBODY = {"status": 503, "flags": "UH", "details": "no_healthy_upstream", "replica": None}
LEFT = {"status": 0, "flags": "DC", "details": "downstream_remote_disconnect", "served_us": None, "ms": 51}
STRANGER = {"status": 401, "details": "rbac_access_denied_matched_policy[none]", "replica": None, "attempts": 0}
FULL = {"status": 429, "flags": "UO", "details": "upstream_overflow", "replica": None}
CLOSED = {"status": 503, "details": "direct_response", "replica": None, "kind": None}
NO_HTTP = {"status": 400, "flags": "DPE", "details": "http1.codec_error", "served_us": None, "ms": 9000}
NO_ROUTE = {"status": 404, "flags": "NR", "details": "route_not_found", "replica": None, "kind": None}


@pytest.mark.parametrize(
    ("status", "failed"),
    [
        *((status, False) for status in (200, 304, 401, 404, 429)),
        *((status, True) for status in (400, 403, 408, 413, 422, 424, 500, 503, 504)),
    ],
)
def test_a_status_is_a_failure_or_none(ended: Ended, status: int, failed: bool) -> None:
    assert ended(status=status).failed is failed


@pytest.mark.parametrize(
    ("fields", "failed", "lost", "timed"),
    [
        ({}, False, False, True),
        ({"status": 500}, True, False, False),
        (GONE, True, True, False),
        (CUT, True, True, False),
        (BROKE_OFF, True, True, False),
        (NOBODY, True, True, False),
        (CLOSED, True, True, False),
        (NO_ROUTE, False, True, False),
        (LATE, True, False, True),
        (LATE | {"replica": None}, True, False, True),
        (LEFT, False, False, True),
        (STRANGER, False, False, False),
        (FULL, False, False, False),
        (NO_HTTP, False, False, False),
        ({"flags": "UT", "details": "response_timeout"}, True, False, False),
        ({"flags": "UC,DC", "details": "upstream_reset_after_response_started{x}"}, True, False, False),
        ({"status": 503, "flags": "URX", "details": "via_upstream"}, True, False, False),
    ],
)
def test_what_is_a_failure_a_loss_and_tells_of_speed(
    ended: Ended, fields: dict[str, Any], failed: bool, lost: bool, timed: bool
) -> None:
    found = ended(**fields)
    assert (found.failed, found.lost, found.timed) == (failed, lost, timed)


def test_gates_look_at_weights_and_cohorts_only(ended: Ended) -> None:
    assert ended(kind="live").judged
    assert ended(kind="cohort").judged
    assert not ended(kind="named").judged
    assert not ended(kind=None).judged
    assert not ended(method="GET").judged
    assert not ended(method="OPTIONS").judged


def test_who_was_refused_at_the_door_is_nobodys_request(ended: Ended) -> None:
    assert not ended(**STRANGER).judged
    assert ended(**FULL).judged, "a limit is the deployment's"


def test_a_caller_that_sends_no_http_says_nothing_of_a_deployment(ended: Ended) -> None:
    assert not ended(**NO_HTTP).ended


def test_time_is_told_in_microseconds_and_of_unended_answers_as_a_whole(ended: Ended) -> None:
    assert ended(served_us=381, ms=1).ms == 0.381
    assert ended(**LATE | {"ms": 201}).ms == 201
    assert ended(served_us=-5, ms=7).ms == 7


@pytest.mark.parametrize(
    ("said", "tokens"),
    [
        *(("12", 12), ("0", 0), ("3.5", 3.5), (7, 7)),
        *((None, None), ("", None), ("many", None), ("nan", None), ("-1", None), ("inf", None), ("1" * 400, None)),
    ],
)
def test_a_server_may_say_anything_of_its_tokens(ended: Ended, said: object, tokens: float | None) -> None:
    assert ended(tokens=said).tokens == tokens


def test_a_line_behind_one_that_was_cut_short_is_read(line: Line) -> None:
    torn = line(status=500)[:40] + line("green", status=418)
    found = outcome(torn)
    assert found
    assert (found.deployment, found.status) == ("green", 418)


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"null", b'{"status"', b"[" * 100_000, b"\xff\xfe", b'"status"'])
def test_what_is_no_line_says_nothing(text: bytes) -> None:
    assert outcome(text) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
FIELDS = ["deployment", "kind", "status", "flags", "details", "replica", "ms", "served_us", "tokens", "time"]


@given(st.dictionaries(st.sampled_from(FIELDS), json_values), st.integers(0, 400))
def test_any_line_is_an_outcome_or_none(fields: dict[str, Any], cut: int) -> None:
    import json

    text = json.dumps({"status": 200} | fields).encode()
    found = outcome(text)
    assert found
    assert found.ms >= 0
    assert isinstance(found.failed, bool)
    assert found.lost in {True, False}
    assert sum(one.requests for one in tallied([found]).values()) == 1
    outcome(text[:cut])


@given(st.binary(max_size=200))
def test_no_bytes_are_too_odd(text: bytes) -> None:
    outcome(text)


def test_a_tally_counts_every_request_once_and_strangers_under_no_name(ended: Ended) -> None:
    found = [
        ended(),
        ended(status=500),
        ended("green", **GONE),
        ended(kind="named"),
        ended(**STRANGER),
        ended(None, **CLOSED),
    ]
    assert tallied(found) == {"blue": Tallied(3, 1, 0), "green": Tallied(1, 1, 1), "": Tallied(2, 1, 1)}
