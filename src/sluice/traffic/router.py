"""What a rollout needs of a data plane, whatever it is: Envoy here, Azure's own router there."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from sluice.errors import TrafficRefused
from sluice.spec.frozen import frozen_map
from sluice.traffic.weights import Weights, check_exists, check_mirror, check_percent, check_weights

DEPLOYMENT_HEADER = "azureml-model-deployment"
"""A request that has it goes to the deployment it names, whatever the weights and the cohort."""
# RFC 9110, 5.6.2: what the name of a header may be.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True)
class Cohort:
    """Callers who reach `deployment` whatever the weights.

    Those with the request header `header` (with one of `values`, or any where there are none); and `percent` of all
    callers, each of whom a cookie keeps where the first request went. An empty `header` names no one.
    """

    deployment: str
    header: str = ""
    values: tuple[str, ...] = ()
    percent: int = 0


@dataclass(frozen=True)
class Routing:
    """How an endpoint shares out its requests: weights of live traffic, copies whose answers are dropped, a cohort."""

    weights: Weights = field(default_factory=frozen_map)
    mirror: Weights = field(default_factory=frozen_map)
    cohort: Cohort | None = None


def plain_routing(routing: Routing) -> dict[str, Any]:
    """Return a routing as plain JSON, which `as_routing` reads."""
    cohort = routing.cohort
    return {
        "weights": dict(routing.weights),
        "mirror": dict(routing.mirror),
        "cohort": {**vars(cohort), "values": list(cohort.values)} if cohort else None,
    }


def as_routing(plain: Mapping[str, Any]) -> Routing:
    """Return the routing of what `plain_routing` wrote; what was written before there were cohorts has none."""
    found = plain.get("cohort")
    cohort = Cohort(**found | {"values": tuple(found["values"])}) if found else None
    return Routing(frozen_map(plain["weights"]), frozen_map(plain["mirror"]), cohort)


def check_routing(routing: Routing, existing: Collection[str], endpoint: str) -> None:
    """Refuse a routing that can't be set: weights, copies or cohort. Raises TrafficRefused."""
    check_weights(routing.weights, existing, endpoint)
    check_mirror(routing.mirror, routing.weights, existing, endpoint)
    check_cohort(routing.cohort, existing, endpoint)


def check_cohort(cohort: Cohort | None, existing: Collection[str], endpoint: str) -> None:
    """Refuse a cohort of a deployment that does not exist, or whose header or share can't be. Raises TrafficRefused."""
    if cohort is None:
        return
    check_exists(cohort.deployment, existing, endpoint, "cohort")
    check_percent(cohort.deployment, cohort.percent, 100, endpoint, "cohort")
    if cohort.header:
        _check_header(cohort.header, endpoint)
    unprintable = next((value for value in cohort.values if not value.isprintable()), None)
    if unprintable is not None:
        raise TrafficRefused(
            f"endpoint {endpoint}: no header can have the value {unprintable!r}", remedy="Use printable characters."
        )


def _check_header(name: str, endpoint: str) -> None:
    if not _TOKEN.fullmatch(name):
        raise TrafficRefused(
            f"endpoint {endpoint}: {name!r} can't name a header", remedy="Use letters, digits and hyphens: x-beta."
        )
    if name.lower() == DEPLOYMENT_HEADER:
        raise TrafficRefused(
            f"endpoint {endpoint}: {name} names a deployment by itself, so it can't choose a cohort",
            remedy="Choose another header, such as x-beta.",
        )


class Router(Protocol):
    """The traffic of one endpoint. A caller that writes holds the endpoint's lock."""

    def read(self) -> Routing:
        """Return what is live, with a weight for every deployment the data plane knows."""
        ...

    def set(self, routing: Routing) -> None:
        """Return when every new request is routed so. Raises TrafficRefused, or GatewayFailed and the like.

        After an error the weights of before are live.
        """
        ...

    def in_flight(self, deployment: str) -> int:
        """Return how many requests the deployment has taken and not answered, copies and queued ones too."""
        ...

    def drained(self, deployment: str, deadline_s: float) -> bool:
        """Wait until nothing is in flight; False when `deadline_s` seconds were not enough."""
        ...
