"""Envoy's clusters: one for each set of replicas. Pure.

A cluster never changes. Its name ends in a hash of all that is in it, so other ports, limits or probes are another
cluster beside it: routes flip from one to the other at once, and the old one ends when its last request has.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from sluice.spec.models import Probe
from sluice.targets.local.envoy.desired import Backend

Json = dict[str, Any]

_TYPES = "type.googleapis.com/envoy"
_MANY = 1_000_000
_QUICK_S = 0.5
METADATA = "sluice"


def cluster_name(backend: Backend) -> str:
    """Return `<deployment>.<8 hex>`."""
    return f"{backend.deployment}.{_digest(_body(backend))}"


def deployment_of(cluster: str) -> str:
    """Return the deployment a cluster name belongs to."""
    return cluster.rpartition(".")[0]


def clusters(backends: Iterable[Backend]) -> list[Json]:
    """Return the resources of CDS, one for each distinct backend, sorted by name."""
    bodies = {cluster_name(backend): _body(backend) for backend in backends}
    return [{"name": name, **bodies[name]} for name in sorted(bodies)]


def backends_of(resources: Iterable[Json]) -> Mapping[str, Backend]:
    """Read back, by cluster name, what `clusters` was given."""
    return {resource["name"]: _backend(resource) for resource in resources}


def _backend(resource: Json) -> Backend:
    fields = dict(resource["metadata"]["filter_metadata"][METADATA])
    probe = Probe(**fields.pop("probe"))
    return Backend(**{**fields, "ports": tuple(fields["ports"]), "probe": probe})


def _digest(body: Json) -> str:
    text = json.dumps(body, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _body(backend: Backend) -> Json:
    outliers = {"outlier_detection": _outliers(len(backend.ports))} if len(backend.ports) > 1 else {}
    return {
        "@type": f"{_TYPES}.config.cluster.v3.Cluster",
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": _load_assignment(backend),
        "load_balancing_policy": _least_request(),
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        "health_checks": [_health_check(backend)],
        "circuit_breakers": _limits(backend),
        "typed_extension_protocol_options": _http(backend),
        "metadata": {"filter_metadata": {METADATA: {**asdict(backend), "ports": list(backend.ports)}}},
        **outliers,
    }


def _load_assignment(backend: Backend) -> Json:
    addresses = ({"address": "127.0.0.1", "port_value": port} for port in backend.ports)
    return {
        "cluster_name": backend.deployment,
        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"socket_address": one}}} for one in addresses]}],
    }


def _least_request() -> Json:
    kind = "envoy.load_balancing_policies.least_request"
    policy = {
        "@type": f"{_TYPES}.extensions.load_balancing_policies.least_request.v3.LeastRequest",
        "selection_method": "FULL_SCAN",
    }
    return {"policies": [{"typed_extension_config": {"name": kind, "typed_config": policy}}]}


def _limits(backend: Backend) -> Json:
    """Azure's rule: `max_concurrent` executing per replica, as many again queued, then 429.

    A connection carries one request at a time (HTTP/1.1), so connections per replica limit what executes. What waits
    for a connection to open counts as queued: where each request opens one, there is room for one more a replica.
    """
    opening = 0 if backend.keepalive_s > 0 else 1
    room = max(1, len(backend.ports) * (backend.max_concurrent + opening))
    return {
        "thresholds": [
            {
                "priority": "DEFAULT",
                "max_connections": _MANY,
                "max_pending_requests": room,
                "max_requests": _MANY,
                "max_retries": _MANY,
            }
        ],
        "per_host_thresholds": [{"priority": "DEFAULT", "max_connections": backend.max_concurrent}],
    }


def _health_check(backend: Backend) -> Json:
    """Check at the probe's pace while in, quickly while out; only the probe's threshold takes a replica out.

    Failures that are being counted come at the "edge" interval. A cluster that never had a request uses the
    "no traffic" ones. Without `retriable_statuses` one answer outside of 200-399 would do, whatever the threshold.
    """
    probe = backend.probe
    pace, quick = f"{probe.period}s", f"{min(float(probe.period), _QUICK_S)}s"
    return {
        "timeout": f"{probe.timeout}s",
        "interval": pace,
        "healthy_edge_interval": pace,
        "no_traffic_healthy_interval": pace,
        "no_traffic_interval": quick,
        "unhealthy_edge_interval": pace,
        "unhealthy_interval": quick,
        "unhealthy_threshold": probe.failure_threshold,
        "healthy_threshold": probe.success_threshold,
        "reuse_connection": False,
        "http_health_check": {
            "path": backend.health_path,
            "host": "localhost",
            "expected_statuses": [{"start": 200, "end": 400}],
            "retriable_statuses": [{"start": 100, "end": 600}],
        },
    }


def _outliers(replicas: int) -> Json:
    """Put a replica that refuses or drops connections aside for a second, at once; never the last one."""
    return {
        "split_external_local_origin_errors": True,
        "consecutive_local_origin_failure": 1,
        "enforcing_consecutive_local_origin_failure": 100,
        "enforcing_consecutive_5xx": 0,
        "enforcing_consecutive_gateway_failure": 0,
        "enforcing_success_rate": 0,
        "enforcing_local_origin_success_rate": 0,
        "interval": "0.5s",
        "base_ejection_time": "1s",
        "max_ejection_time": "1s",
        "max_ejection_percent": 100 * (replicas - 1) // replicas,
    }


def _http(backend: Backend) -> Json:
    kind = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    idle = {"idle_timeout": f"{backend.keepalive_s:.3f}s"} if backend.keepalive_s > 0 else {}
    once = {} if backend.keepalive_s > 0 else {"max_requests_per_connection": 1}
    options = {
        "@type": f"type.googleapis.com/{kind}",
        "common_http_protocol_options": {**idle, **once},
        "explicit_http_config": {"http_protocol_options": {}},
    }
    return {kind: options}
