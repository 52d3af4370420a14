"""Copies of requests, by Envoy's counters."""

from __future__ import annotations

import json

from sluice.rollout.meters.copies import counters, counters_of, grown, pattern, plain, slow
from sluice.rollout.proportions import Counts

CLUSTER = "cluster.green.a6d6a80d"
# As a real Envoy told them.
STATS = {
    f"{CLUSTER}.internal.upstream_rq_200": "10",
    f"{CLUSTER}.internal.upstream_rq_500": "3",
    f"{CLUSTER}.internal.upstream_rq_404": "1",
    f"{CLUSTER}.internal.upstream_rq_time": "B1(0,2) B2(0,2) B50(0,9) B2500(1,14) B1e+06(1,14)",
    f"{CLUSTER}.upstream_rq_pending_overflow": "0",
    f"{CLUSTER}.upstream_rq_timeout": "0",
}


def test_copies_are_counted_by_status_and_by_time() -> None:
    assert counters(STATS, [50.0]) == {"green.a6d6a80d": {"errors": Counts(14, 3), slow(50): Counts(14, 5)}}


def test_a_bound_that_this_envoy_does_not_have_is_not_known() -> None:
    assert slow(40) not in counters(STATS, [40.0])["green.a6d6a80d"]


def test_a_timeout_is_a_failure_and_slow_and_a_refusal_nothing() -> None:
    stats = {
        f"{CLUSTER}.internal.upstream_rq_504": "4",
        f"{CLUSTER}.internal.upstream_rq_503": "5",
        f"{CLUSTER}.upstream_rq_pending_overflow": "2",
        f"{CLUSTER}.upstream_rq_timeout": "3",
    }
    assert counters(stats, [50.0]) == {"green.a6d6a80d": {"errors": Counts(9, 7), slow(50): Counts(3, 3)}}


def test_only_growth_counts_and_a_new_envoy_or_cluster_begins_again() -> None:
    before = {"green.1": {"errors": Counts(10, 2)}, "green.2": {"errors": Counts(50, 9)}}
    now = {
        "green.1": {"errors": Counts(13, 3)},
        "green.2": {"errors": Counts(4, 1)},
        "green.3": {"errors": Counts(1, 1)},
    }
    assert grown(before, now) == {"errors": Counts(3 + 4 + 1, 1 + 1 + 1)}
    assert grown(before, {"green.1": {slow(50): Counts(9, 9)}}) == {}, "what was not counted before only begins"
    assert grown({}, now)["errors"] == Counts(18, 5)


def test_failures_never_outgrow_requests() -> None:
    assert grown({"c": {"errors": Counts(5, 0)}}, {"c": {"errors": Counts(6, 3)}}) == {"errors": Counts(1, 1)}


def test_counters_are_plain_and_back() -> None:
    found = counters(STATS, [50.0])
    assert counters_of(json.loads(json.dumps(plain(found)))) == found


def test_only_this_deployments_counters_are_asked_for() -> None:
    import re

    asked = re.compile(pattern("green"))
    assert all(asked.search(name) for name in STATS)
    others = ("cluster.blue.a6d6a80d", "cluster.green-2.a6d6a80d", "cluster.green.a6d6a80d.external")
    assert not any(asked.search(f"{other}.internal.upstream_rq_200") for other in others)
