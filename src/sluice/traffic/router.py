"""What a rollout needs of a data plane, whatever it is: Envoy here, Azure's own router there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from sluice.spec.frozen import frozen_map
from sluice.traffic.weights import Weights


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
