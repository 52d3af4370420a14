"""Envoy's routes: which deployment answers a request. Pure.

Weights are fractions of one random number a request, counted up from deployment to deployment, and not Envoy's
`weighted_clusters`: so each deployment keeps its own timeout and its own scoring path.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from sluice.errors import TrafficRefused, Unsupported
from sluice.targets.local.envoy.clusters import METADATA, Json, cluster_name
from sluice.targets.local.envoy.cohorts import Told, inside, outside
from sluice.targets.local.envoy.desired import Backend
from sluice.traffic.router import DEPLOYMENT_HEADER, Cohort, Routing, as_routing, plain_routing

_TYPES = "type.googleapis.com/envoy"
ROUTES = "endpoint"
"""The name of the one route configuration, and of the listener's statistics."""
_DOOR_PATH = "/score"
_STALLED_S = 60.0


def route_configuration(endpoint: str, deployments: Mapping[str, Backend], routing: Routing) -> Json:
    """Return the one resource of RDS.

    Raises TrafficRefused when a weight names what has no backend, Unsupported for a mirror with another scoring path.
    """
    _check_backed(endpoint, deployments, routing)
    _check_paths(endpoint, deployments, routing)
    return {
        "@type": f"{_TYPES}.config.route.v3.RouteConfiguration",
        "name": ROUTES,
        "validate_clusters": True,
        "metadata": {"filter_metadata": {METADATA: _remembered(endpoint, deployments, routing)}},
        "virtual_hosts": [
            {
                "name": ROUTES,
                "domains": ["*"],
                "request_headers_to_remove": ["authorization"],
                "routes": [
                    *_named_routes(endpoint, deployments),
                    *_cohort_routes(deployments, routing.cohort),
                    *_live_routes(endpoint, deployments, routing),
                ],
            }
        ],
    }


def remembered(configuration: Json) -> tuple[str, Mapping[str, str], Routing]:
    """Read back the endpoint, the cluster of each deployment, and the routing."""
    told = configuration["metadata"]["filter_metadata"][METADATA]
    return told["endpoint"], told["clusters"], as_routing(told)


def _remembered(endpoint: str, deployments: Mapping[str, Backend], routing: Routing) -> Json:
    return {
        "endpoint": endpoint,
        "clusters": {name: cluster_name(backend) for name, backend in deployments.items()},
        **plain_routing(routing),
        "weights": {**dict.fromkeys(deployments, 0), **routing.weights},
    }


def _check_backed(endpoint: str, deployments: Mapping[str, Backend], routing: Routing) -> None:
    for name, weight in [*routing.weights.items(), *routing.mirror.items()]:
        if weight and name not in deployments:
            raise TrafficRefused(
                f"endpoint {endpoint}: {name} has no replicas to take {weight} % of the traffic",
                remedy=f"Deploy {name} first, or give its share to another deployment.",
            )
    if routing.cohort and routing.cohort.deployment not in deployments:
        name = routing.cohort.deployment
        raise TrafficRefused(
            f"endpoint {endpoint}: {name} has no replicas to take the requests of its cohort",
            remedy=f"Deploy {name} first.",
        )


def _check_paths(endpoint: str, deployments: Mapping[str, Backend], routing: Routing) -> None:
    """A copy keeps the path of the request it was made from: Envoy lets no one rewrite it."""
    for mirrored in (deployments[name] for name, weight in routing.mirror.items() if weight):
        for live in (deployments[name] for name, weight in routing.weights.items() if weight):
            if mirrored.score_path != live.score_path:
                raise Unsupported(
                    f"endpoint {endpoint}: requests of {live.deployment} ({live.score_path}) can't be mirrored to"
                    f" {mirrored.deployment} ({mirrored.score_path})",
                    remedy="Give both deployments the same scoring path, or mirror to another one.",
                )


def _named_routes(endpoint: str, deployments: Mapping[str, Backend]) -> Iterator[Json]:
    """Routes of requests that name their deployment, whatever its weight."""
    for name, backend in deployments.items():
        match = {"headers": [{"name": DEPLOYMENT_HEADER, "string_match": {"exact": name}}]}
        yield from _to(backend, Told(match, []), "named", {})
    known = ", ".join(deployments) or "none"
    yield {
        "name": "unknown",
        "match": {"prefix": "/", "headers": [{"name": DEPLOYMENT_HEADER, "present_match": True}]},
        **_answer(
            404,
            "DeploymentNotFound",
            f"endpoint {endpoint} has no deployment of the name in {DEPLOYMENT_HEADER}; it has: {known}",
        ),
    }


def _cohort_routes(deployments: Mapping[str, Backend], cohort: Cohort | None) -> Iterator[Json]:
    if cohort is not None:
        for told in inside(cohort):
            yield from _to(deployments[cohort.deployment], told, "cohort", {})


def _live_routes(endpoint: str, deployments: Mapping[str, Backend], routing: Routing) -> Iterator[Json]:
    if not any(routing.weights.values()):
        yield {"name": "closed", "match": {"prefix": "/"}, **_closed(endpoint, deployments)}
        return
    for callers in outside(routing.cohort):
        yield from _weighted_routes(deployments, routing, callers)


def _weighted_routes(deployments: Mapping[str, Backend], routing: Routing, callers: Told) -> Iterator[Json]:
    reached = 0
    for name, weight in routing.weights.items():
        if weight:
            reached += weight
            told = Told({**callers.match, **_fraction(reached)}, callers.headers)
            yield from _to(deployments[name], told, "live", _mirror(deployments, routing))


def _fraction(percent: int) -> Json:
    if percent == 100:
        return {}
    return {"runtime_fraction": {"default_value": {"numerator": percent, "denominator": "HUNDRED"}}}


def _to(backend: Backend, told: Told, kind: str, mirror: Json) -> Iterator[Json]:
    if backend.score_path != _DOOR_PATH:
        scored = Told({**told.match, "path": _DOOR_PATH}, told.headers)
        yield _route(backend, scored, kind, {"prefix_rewrite": backend.score_path, **mirror})
    yield _route(backend, Told({**told.match, "prefix": "/"}, told.headers), kind, mirror)


def _route(backend: Backend, told: Told, kind: str, more: Json) -> Json:
    timeout_s = backend.timeout_ms / 1000
    return {
        "name": f"{kind}.{backend.deployment}",
        "match": told.match,
        "metadata": {"filter_metadata": {METADATA: {"deployment": backend.deployment, "kind": kind}}},
        "route": {
            "cluster": cluster_name(backend),
            "timeout": f"{timeout_s:.3f}s",
            "idle_timeout": f"{timeout_s + _STALLED_S:.3f}s",
            "retry_policy": _retries(),
            **more,
        },
        "response_headers_to_add": [_header(DEPLOYMENT_HEADER, backend.deployment), *told.headers],
    }


def _retries() -> Json:
    """Retry only what never reached a server: an answer is never asked for twice."""
    kind = "envoy.retry_host_predicates.previous_hosts"
    predicate = f"{_TYPES}.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
    return {
        "retry_on": "connect-failure,refused-stream,reset-before-request",
        "num_retries": 2,
        "retry_host_predicate": [{"name": kind, "typed_config": {"@type": predicate}}],
        "host_selection_retry_max_attempts": 3,
    }


def _mirror(deployments: Mapping[str, Backend], routing: Routing) -> Json:
    """Copy a share of the requests. Parts of a million: in hundredths it would follow the choice of the route."""
    policies = [
        {
            "cluster": cluster_name(deployments[name]),
            "runtime_fraction": {"default_value": {"numerator": 10_000 * weight, "denominator": "MILLION"}},
            "disable_shadow_host_suffix_append": True,
        }
        for name, weight in routing.mirror.items()
        if weight
    ]
    return {"request_mirror_policies": policies} if policies else {}


def _closed(endpoint: str, deployments: Mapping[str, Backend]) -> Json:
    example = next(iter(deployments), None)
    if example is None:
        return _answer(503, "NoDeployment", f"endpoint {endpoint} has no deployment; make one: sluice up")
    text = f"no deployment of endpoint {endpoint} has traffic"
    return _answer(503, "NoTraffic", f"{text}; open it: sluice traffic set {example}=100 --endpoint {endpoint}")


def _answer(status: int, code: str, message: str) -> Json:
    body = json.dumps({"error": {"code": code, "message": message}})
    return {
        "direct_response": {"status": status, "body": {"inline_string": body}},
        "response_headers_to_add": [_header("content-type", "application/json")],
    }


def _header(key: str, value: str) -> Json:
    return {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
