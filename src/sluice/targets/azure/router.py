"""The traffic of an online endpoint on Azure: read, merged into the endpoint as it is, written whole, read back.

A PATCH of an endpoint carries no weights, and a PUT without them takes the live ones back. So every write is the whole
endpoint with the weights that are to be: there is no moment without traffic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sluice.errors import SluiceError, TrafficRefused, Unsupported
from sluice.spec.frozen import frozen_map
from sluice.targets.azure.arm import ArmClient, Read
from sluice.targets.azure.errors import AzureFailed
from sluice.traffic.router import Routing
from sluice.traffic.weights import Weights, check_mirror, check_weights

_TRIES: Final = 5
_CHANGED_MEANWHILE: Final = frozenset({409, 412})
# What the service says of an endpoint and takes from nobody.
_READ_ONLY: Final = frozenset({"provisioningState", "scoringUri", "swaggerUri", "keys"})
_WRITTEN: Final = ("location", "tags", "kind", "sku", "identity", "properties")
_LONGEST_REQUEST_S: Final = 300.0
"""The longest time limit of a request there is (flows, and Kubernetes)."""


@dataclass(frozen=True)
class AzureRouter:
    """One endpoint's traffic; a `sluice.traffic.router.Router`. `endpoint_id` is its ARM id."""

    arm: ArmClient
    endpoint_id: str

    def read(self) -> Routing:
        """Return the live weights, with one for every deployment of the endpoint."""
        return routing_of(self.arm.read(self.endpoint_id).body, self._deployments())

    def set(self, routing: Routing) -> None:
        """Route so; return when it was read back.

        Raises TrafficRefused for what the endpoint does not take, Unsupported for a cohort, and AzureFailed and the
        like. Somebody else's change meanwhile is kept: the weights are merged into it.
        """
        if routing.cohort:
            raise _no_cohorts(routing.cohort.deployment)
        for tried in range(_TRIES):
            live = self.arm.settled(self.endpoint_id)
            existing = self._deployments()
            self._check(routing, live.body, existing)
            if routing_of(live.body, existing) == _whole(routing, existing):
                return
            if self._put(routing, live):
                self._read_back(routing, existing)
                return
            self.arm.clock.wait(self.arm.patience.poll_s * 2**tried)
        raise AzureFailed(
            f"endpoint {self._name}: somebody else changes it again and again",
            remedy="Find out who: its activity log in the portal says it. Then set the weights again.",
        )

    def in_flight(self, deployment: str) -> int:
        """Raise Unsupported: Azure does not say how many requests a deployment has at the moment."""
        raise Unsupported(
            f"deployment {deployment} of endpoint {self._name}: Azure does not tell how many requests are in flight",
            remedy="Wait for `drained`: without traffic, the longest time a request may take.",
        )

    def drained(self, deployment: str, deadline_s: float) -> bool:
        """Wait until no request can be left: its time limit after it has no traffic; False where that takes longer.

        Raises TrafficRefused while it has traffic.
        """
        live = self.read()
        if live.weights.get(deployment) or live.mirror.get(deployment):
            raise TrafficRefused(
                f"deployment {deployment} of endpoint {self._name} still has traffic",
                remedy="Move its traffic to another first.",
            )
        longest = self._longest_request_s(deployment)
        self.arm.clock.wait(min(longest, deadline_s))
        return longest <= deadline_s

    def _put(self, routing: Routing, live: Read) -> bool:
        """Write the endpoint with new weights; False where it was changed meanwhile, or is being changed.

        After any other failure the weights of before are live again, as far as Azure lets us.
        """
        try:
            self.arm.put(self.endpoint_id, with_routing(live.body, routing), if_match=live.etag)
        except AzureFailed as error:
            if error.status in _CHANGED_MEANWHILE:
                return False
            self._restore(live)
            raise
        return True

    def _restore(self, before: Read) -> None:
        """Bring back the weights of before where they are not live; the failure that led here stays the one told."""
        try:
            live = self.arm.settled(self.endpoint_id).body
            if _shares(live) != _shares(before.body):
                self.arm.put(self.endpoint_id, with_routing(live, _routing(before.body)))
        except SluiceError as error:
            self.arm.report(f"{self._name}: the weights of before could not be brought back: {error.message}")

    def _read_back(self, routing: Routing, existing: tuple[str, ...]) -> None:
        live = routing_of(self.arm.settled(self.endpoint_id).body, existing)
        if live != _whole(routing, existing):
            found = " ".join(f"{name}={weight}" for name, weight in sorted(live.weights.items()))
            raise AzureFailed(
                f"endpoint {self._name}: the weights were written, and others are live ({found})",
                remedy="Somebody else has changed them just now; look with `sluice status`, then set them again.",
            )

    def _check(self, routing: Routing, body: Mapping[str, Any], existing: tuple[str, ...]) -> None:
        check_weights(routing.weights, existing, self._name)
        check_mirror(routing.mirror, routing.weights, existing, self._name)
        if any(routing.mirror.values()) and body.get("properties", {}).get("compute"):
            raise TrafficRefused(
                f"endpoint {self._name} is on Kubernetes, where traffic can't be mirrored",
                remedy="Take `mirror_traffic` out.",
            )

    def _deployments(self) -> tuple[str, ...]:
        return tuple(one["name"] for one in self.arm.listed(f"{self.endpoint_id}/deployments"))

    def _longest_request_s(self, deployment: str) -> float:
        body = self.arm.read(f"{self.endpoint_id}/deployments/{deployment}").body
        settings = body.get("properties", {}).get("requestSettings") or {}
        return seconds_of(settings.get("requestTimeout")) or _LONGEST_REQUEST_S

    @property
    def _name(self) -> str:
        return self.endpoint_id.rpartition("/")[2]


def with_routing(body: Mapping[str, Any], routing: Routing) -> dict[str, Any]:
    """Return what is written to give an endpoint, as it was read, other weights. What is read-only is left out."""
    written = {key: body[key] for key in _WRITTEN if body.get(key) is not None}
    properties = {key: value for key, value in body.get("properties", {}).items() if key not in _READ_ONLY}
    properties["traffic"] = {name: weight for name, weight in routing.weights.items() if weight}
    properties["mirrorTraffic"] = {name: weight for name, weight in routing.mirror.items() if weight}
    if "identity" in written:
        written["identity"] = _identity(written["identity"])
    return {**written, "properties": properties}


def _identity(identity: Mapping[str, Any]) -> dict[str, Any]:
    """Return an identity as it is written: whose ids, without what Azure says of them."""
    named = identity.get("userAssignedIdentities") or {}
    kept: dict[str, Any] = {"type": identity.get("type")}
    return kept | {"userAssignedIdentities": {name: {} for name in named}} if named else kept


def routing_of(body: Mapping[str, Any], existing: tuple[str, ...]) -> Routing:
    """Return the weights of an endpoint as it was read, with one for every existing deployment."""
    return _whole(_routing(body), existing)


def _routing(body: Mapping[str, Any]) -> Routing:
    traffic, mirror = _shares(body)
    return Routing(frozen_map(traffic), frozen_map(mirror))


def _shares(body: Mapping[str, Any]) -> tuple[Weights, Weights]:
    properties = body.get("properties") or {}
    traffic, mirror = (properties.get(key) or {} for key in ("traffic", "mirrorTraffic"))
    return _whole_numbers(traffic), _whole_numbers(mirror)


def _whole_numbers(shares: Mapping[str, Any]) -> Weights:
    return {name: int(weight) for name, weight in shares.items() if weight}


def _whole(routing: Routing, existing: tuple[str, ...]) -> Routing:
    weights = {**dict.fromkeys(existing, 0), **{name: weight for name, weight in routing.weights.items() if weight}}
    mirror = {name: weight for name, weight in routing.mirror.items() if weight}
    return Routing(frozen_map(weights), frozen_map(mirror))


def seconds_of(duration: str | None) -> float | None:
    """Return an ISO 8601 duration of hours, minutes and seconds in seconds; None where there is none."""
    if not duration or not duration.startswith("PT"):
        return None
    total, number = 0.0, ""
    for sign in duration[2:]:
        if sign.isdigit() or sign == ".":
            number += sign
        else:
            total, number = total + float(number) * {"H": 3600, "M": 60, "S": 1}[sign], ""
    return total


def _no_cohorts(deployment: str) -> Unsupported:
    return Unsupported(
        f"Azure's router sends no chosen callers to {deployment}",
        remedy="A caller names the deployment itself: header azureml-model-deployment. Leave the cohort out.",
    )
