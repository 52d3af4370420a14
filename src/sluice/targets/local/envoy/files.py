"""Envoy's files: the configuration it watches, and what is live read back from it.

The files are the one record of what Envoy was told: clusters and routes carry what they were made from as
metadata. Files are mode 0600; one is replaced whole, and only when its content changes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from sluice.errors import StorageFailed
from sluice.spec.frozen import frozen_map
from sluice.targets.local.envoy.bootstrap import GatewayPaths, bootstrap
from sluice.targets.local.envoy.clusters import Json, backends_of, clusters
from sluice.targets.local.envoy.desired import Backend, Gateway
from sluice.targets.local.envoy.door import auth_filter, listener
from sluice.targets.local.envoy.routes import remembered, route_configuration
from sluice.targets.local.files import read_json, write_json
from sluice.traffic.router import Routing


class Xds(StrEnum):
    """The files Envoy watches, in the order a starting Envoy needs them."""

    CLUSTERS = "cds"
    ROUTES = "rds"
    AUTH = "auth"
    LISTENER = "lds"


@dataclass(frozen=True)
class Live:
    """What the files say: `clusters` by name (draining ones too), `deployments` to the name of their cluster."""

    endpoint: str = ""
    clusters: Mapping[str, Backend] = field(default_factory=frozen_map)
    deployments: Mapping[str, str] = field(default_factory=frozen_map)
    routing: Routing = field(default_factory=Routing)

    @property
    def backends(self) -> Mapping[str, Backend]:
        """The backend of each deployment that is routed to."""
        return frozen_map({name: self.clusters[cluster] for name, cluster in self.deployments.items()})

    @property
    def draining(self) -> Mapping[str, Backend]:
        """Clusters that no route names."""
        routed = set(self.deployments.values())
        return frozen_map({name: one for name, one in self.clusters.items() if name not in routed})


def version_of(resources: Sequence[Json]) -> str:
    """Return the version of a file of resources: a hash of them."""
    return hashlib.sha256(json.dumps(resources, sort_keys=True).encode()).hexdigest()[:16]


def resource_file(resources: Sequence[Json]) -> Json:
    """Return a file of resources."""
    return {"version_info": version_of(resources), "resources": list(resources)}


def _read(paths: GatewayPaths, kind: Xds) -> Json:
    """Return a file; nothing where it is missing or damaged, for it follows from the endpoint's state."""
    try:
        return dict(read_json(paths.xds / f"{kind}.json") or {})
    except (StorageFailed, ValueError, TypeError):
        return {}


def read_resources(paths: GatewayPaths, kind: Xds) -> list[Json]:
    """Return the resources of a file; none where there is no file."""
    return list(_read(paths, kind).get("resources", []))


def written_version(paths: GatewayPaths, kind: Xds) -> str:
    """Return the version of a file; empty where there is no file."""
    return str(_read(paths, kind).get("version_info", ""))


def write_resources(paths: GatewayPaths, kind: Xds, resources: Sequence[Json]) -> str:
    """Write a file unless it says the same already; return its version. Raises StorageFailed."""
    file = resource_file(resources)
    path = paths.xds / f"{kind}.json"
    if _read(paths, kind) != file:
        write_json(path, file)
    return str(file["version_info"])


def write_all(paths: GatewayPaths, gateway: Gateway) -> None:
    """Write everything Envoy starts with. Raises StorageFailed, TrafficRefused, GatewayFailed.

    For an Envoy that does not run: clusters that were draining are forgotten.
    """
    write_json(paths.bootstrap, bootstrap(gateway.endpoint, paths))
    routes = route_configuration(gateway.endpoint, gateway.deployments, gateway.routing)
    write_resources(paths, Xds.CLUSTERS, clusters(gateway.deployments.values()))
    write_resources(paths, Xds.ROUTES, [routes])
    write_resources(paths, Xds.AUTH, [auth_filter(gateway.auth)])
    write_resources(paths, Xds.LISTENER, [listener(gateway.port, str(paths.xds), str(paths.access_log))])


def read_live(paths: GatewayPaths) -> Live:
    """Return what the files say; an empty Live where nothing was written."""
    routes = read_resources(paths, Xds.ROUTES)
    if not routes:
        return Live()
    endpoint, deployments, routing = remembered(routes[0])
    return Live(endpoint, backends_of(read_resources(paths, Xds.CLUSTERS)), deployments, routing)
