"""What Envoy starts with: its files, its command line, its first configuration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sluice.errors import GatewayFailed
from sluice.targets.local.envoy.clusters import Json
from sluice.targets.local.envoy.cohorts import LARGEST_PATTERN
from sluice.targets.local.envoy.door import watched

FLUSH_MS = 200
"""How often Envoy writes its logs to their files."""
_LONGEST_SOCKET = 107
_MOST_CONNECTIONS = 20_000
_DECADE = (10, 12, 15, 20, 25, 30, 40, 50, 60, 80)  # two digits: Envoy's histograms are exact there
LATENCY_MS = (
    1,
    2,
    3,
    4,
    5,
    6,
    8,
    *(10**power * ms for power in range(5) for ms in _DECADE if 10**power * ms <= 300_000),
)
"""The bounds of Envoy's histograms of clusters."""


@dataclass(frozen=True)
class GatewayPaths:
    """The files of one endpoint's Envoy. `admin_socket` may be relative to the folder Envoy starts in."""

    folder: Path
    admin_socket: Path

    @property
    def bootstrap(self) -> Path:
        """What Envoy reads once."""
        return self.folder / "bootstrap.json"

    @property
    def xds(self) -> Path:
        """The folder of what Envoy reads each time it changes."""
        return self.folder / "xds"

    @property
    def access_log(self) -> Path:
        """One JSON object a request."""
        return self.folder / "access.log"

    @property
    def log(self) -> Path:
        """Envoy's own log: warnings and errors."""
        return self.folder / "envoy.log"


def bootstrap(endpoint: str, paths: GatewayPaths) -> Json:
    """Return the content of bootstrap.json. Raises GatewayFailed when the admin socket's path is too long."""
    socket = str(paths.admin_socket)
    if len(socket.encode()) > _LONGEST_SOCKET:
        raise GatewayFailed(
            f"{socket}: too long for a socket ({len(socket.encode())} bytes, the most is {_LONGEST_SOCKET})",
            remedy="Use a shorter folder for sockets.",
        )
    return {
        "node": {"id": endpoint, "cluster": endpoint},
        "admin": {"address": {"pipe": {"path": socket, "mode": 0o600}}},
        "overload_manager": {"resource_monitors": [_most_connections()]},
        "stats_config": {"histogram_bucket_settings": [{"match": {"prefix": "cluster."}, "buckets": [*LATENCY_MS]}]},
        "layered_runtime": {
            "layers": [{"name": "sluice", "static_layer": {"re2.max_program_size.error_level": LARGEST_PATTERN}}]
        },
        "dynamic_resources": {
            "cds_config": watched("cds", str(paths.xds)),
            "lds_config": watched("lds", str(paths.xds)),
        },
    }


def _most_connections() -> Json:
    kind = "envoy.resource_monitors.global_downstream_max_connections"
    package = "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"
    config = {"@type": f"type.googleapis.com/{package}", "max_active_downstream_connections": _MOST_CONNECTIONS}
    return {"name": kind, "typed_config": config}


def envoy_command(envoy_path: str, paths: GatewayPaths) -> list[str]:
    """Return the argv that starts Envoy.

    One worker thread: each has its own connections to the replicas, so with two the limit of concurrent
    requests would not be one limit.
    """
    return [
        *(envoy_path, "-c", str(paths.bootstrap)),
        *("--disable-hot-restart", "--concurrency", "1"),
        *("--log-level", "warning", "--log-path", str(paths.log)),
        # It warns of what it is asked for, at each start: to be tapped through a socket.
        *("--component-log-level", "tap:error"),
        *("--file-flush-interval-msec", str(FLUSH_MS)),
        *("--drain-time-s", "5"),
    ]
