"""The steps that change a running Envoy without losing a request, in the order that was proved.

clusters in -> replicas healthy -> routes flip -> version seen -> nothing in flight -> clusters out. A caller
holds the endpoint's lock; nothing is kept in memory, so any process may go on where another stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sluice.errors import DeploymentFailed, GatewayFailed, TrafficRefused
from sluice.targets.local.envoy.admin import Admin
from sluice.targets.local.envoy.bootstrap import GatewayPaths
from sluice.targets.local.envoy.clusters import Json, cluster_name, clusters
from sluice.targets.local.envoy.desired import Auth, Backend
from sluice.targets.local.envoy.door import auth_filter
from sluice.targets.local.envoy.files import Live, Xds, read_live, read_resources, version_of, write_resources
from sluice.targets.local.envoy.routes import route_configuration
from sluice.traffic.router import Routing, check_routing

_POLL_S = 0.05


@dataclass(frozen=True)
class EnvoyRouter:
    """One endpoint's running Envoy; a `sluice.traffic.router.Router`.

    Every step raises GatewayFailed when Envoy does not answer, refuses, or takes more than `apply_s` seconds; a
    refused file is put back as it was. Files come first from `files.write_all`.
    """

    paths: GatewayPaths
    apply_s: float = 10.0

    @property
    def admin(self) -> Admin:
        """Envoy's admin interface."""
        return Admin(self.paths)

    def live(self) -> Live:
        """Return what Envoy was told last."""
        return read_live(self.paths)

    def read(self) -> Routing:
        """Return the live weights, with one for every deployment that is routed to."""
        return self.live().routing

    def set(self, routing: Routing) -> None:
        """Route so; return when every new request is. Raises TrafficRefused, GatewayFailed."""
        self.route(self.live().backends, routing)

    def add_backends(self, backends: Iterable[Backend], deadline_s: float) -> None:
        """Bring clusters in beside those that are there, and wait until each of their replicas is healthy.

        Raises DeploymentFailed after `deadline_s` seconds, with the new clusters taken out again.
        """
        live = self.live().clusters
        new = {cluster_name(one): one for one in backends if cluster_name(one) not in live}
        if not new:
            return
        self._put(Xds.CLUSTERS, clusters([*live.values(), *new.values()]))
        try:
            self._wait_healthy(new, deadline_s)
        except BaseException:
            self._put(Xds.CLUSTERS, clusters(live.values()))
            raise

    def healthy(self, backend: Backend) -> bool:
        """Whether every replica of a backend is healthy and takes requests."""
        return self.admin.members(cluster_name(backend)).healthy == len(backend.ports)

    def route(self, deployments: Mapping[str, Backend], routing: Routing, endpoint: str = "") -> None:
        """Send requests to these backends, which `add_backends` brought in, by these weights, all at once.

        Deployments that are left out can't be reached any more. Raises TrafficRefused, GatewayFailed.
        """
        name = endpoint or self.live().endpoint
        check_routing(routing, deployments, name)
        self._put(Xds.ROUTES, [route_configuration(name, deployments, routing)])

    def drain(self, names: Collection[str], deadline_s: float) -> bool:
        """Wait until these clusters have nothing in flight; False when `deadline_s` seconds were not enough."""
        return _quiet(lambda: sum(self.admin.in_flight(name) for name in names), deadline_s)

    def remove(self, names: Collection[str]) -> None:
        """Take clusters out. Raises TrafficRefused when a route leads to one of them."""
        live = self.live()
        routed = sorted(set(names) & set(live.deployments.values()))
        if routed:
            raise TrafficRefused(
                f"endpoint {live.endpoint}: {', '.join(routed)} can still be reached",
                remedy="Route without it first.",
            )
        kept = [backend for name, backend in live.clusters.items() if name not in names]
        self._put(Xds.CLUSTERS, clusters(kept))

    def set_auth(self, auth: Auth) -> None:
        """Change keys, tokens, or one for the other; connections live on."""
        self._put(Xds.AUTH, [auth_filter(auth)])

    def in_flight(self, deployment: str) -> int:
        """Return how many requests the deployment has taken and not answered, copies and queued ones too."""
        return self.admin.deployment_in_flight(deployment)

    def drained(self, deployment: str, deadline_s: float) -> bool:
        """Wait until nothing is in flight; False when `deadline_s` seconds were not enough."""
        return _quiet(lambda: self.in_flight(deployment), deadline_s)

    def _put(self, kind: Xds, resources: Sequence[Json]) -> None:
        before = read_resources(self.paths, kind)
        if before == resources and self.admin.version(kind) == version_of(resources):
            return
        rejections = self.admin.rejections(kind)
        version = write_resources(self.paths, kind, resources)
        try:
            self.admin.wait_applied(kind, version, rejections, self.apply_s)
        except GatewayFailed:
            write_resources(self.paths, kind, before)
            raise

    def _wait_healthy(self, backends: Mapping[str, Backend], deadline_s: float) -> None:
        end = time.monotonic() + deadline_s
        for name, backend in backends.items():
            while (members := self.admin.members(name)).healthy < len(backend.ports):
                if time.monotonic() > end:
                    raise DeploymentFailed(
                        f"deployment {backend.deployment}: {members.healthy} of {len(backend.ports)} replicas"
                        f" answer GET {backend.health_path} within {deadline_s:g} s",
                        remedy="See the deployment's log.",
                    )
                time.sleep(_POLL_S)


def _quiet(in_flight: Callable[[], int], deadline_s: float) -> bool:
    """Two zeros in a row: a request that chose its route just before it flipped may arrive just after the first."""
    end, zeros = time.monotonic() + deadline_s, 0
    while True:
        zeros = zeros + 1 if in_flight() == 0 else 0
        if zeros == 2:
            return True
        if time.monotonic() > end:
            return False
        time.sleep(_POLL_S)
