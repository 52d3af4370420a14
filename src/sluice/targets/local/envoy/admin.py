"""Envoy's admin interface, over its unix socket."""

from __future__ import annotations

import http.client
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from sluice.errors import GatewayFailed, PortInUse
from sluice.targets.local.envoy.bootstrap import FLUSH_MS, GatewayPaths
from sluice.targets.local.envoy.door import AUTH
from sluice.targets.local.envoy.files import Xds, written_version
from sluice.targets.local.envoy.routes import ROUTES
from sluice.targets.local.unix_http import UnixConnection

_STATS = {
    Xds.CLUSTERS: "cluster_manager.cds",
    Xds.ROUTES: f"http.{ROUTES}.rds.{ROUTES}",
    Xds.AUTH: f"extension_config_discovery.http_filter.{AUTH}",
    Xds.LISTENER: "listener_manager.lds",
}
_POLL_S = 0.002
_LOG_TAIL = 4096


@dataclass(frozen=True)
class Members:
    """Replicas of a cluster: those that take requests now, and all."""

    healthy: int
    total: int


@dataclass(frozen=True)
class Requests:
    """Totals of one deployment since its clusters were made, copies too.

    `answered_2xx` to `answered_5xx` count what replicas answered and, as 5xx, what Envoy answered for them:
    `overflowed` (429 to the caller) and `timed_out` (408) are part of `answered_5xx`.
    """

    total: int
    answered_2xx: int
    answered_4xx: int
    answered_5xx: int
    overflowed: int
    timed_out: int


@dataclass(frozen=True)
class Admin:
    """One Envoy's admin interface. Every method raises GatewayFailed when Envoy does not answer."""

    paths: GatewayPaths
    timeout_s: float = 5.0

    def ready(self) -> bool:
        """Whether Envoy runs, has read its first configuration and takes requests."""
        try:
            return self._ask("GET", "/ready")[0] == 200
        except GatewayFailed:
            return False

    def wait_ready(self, deadline_s: float) -> None:
        """Wait until a starting Envoy serves what its files say.

        Raises PortInUse, or GatewayFailed with its last words.
        """
        end = time.monotonic() + deadline_s
        while not self.ready():
            if time.monotonic() > end or self._refuses():
                raise self._failure("the gateway did not start")
            time.sleep(_POLL_S)
        for kind in Xds:
            version = written_version(self.paths, kind)
            self.wait_applied(kind, version, 0, max(0.0, end - time.monotonic()))

    def rejections(self, kind: Xds) -> int:
        """Return how many versions of a file Envoy has refused since it started."""
        prefix = _STATS[kind]
        stats = self.stats(rf"^{re.escape(prefix)}\.(update_rejected|update_failure|config_fail)$")
        return sum(int(value) for value in stats.values())

    def wait_applied(self, kind: Xds, version: str, rejections: int, deadline_s: float) -> None:
        """Wait until Envoy serves this version of a file.

        `rejections` is what `rejections(kind)` said before the file was written. Raises PortInUse, or
        GatewayFailed with Envoy's reason when it refused the file or `deadline_s` seconds have passed.
        """
        end = time.monotonic() + deadline_s
        while self.version(kind) != version:
            if self.rejections(kind) > rejections:
                raise self._failure(f"the gateway refused {kind}.json; what was live still serves")
            if time.monotonic() > end:
                raise self._failure(f"the gateway did not take {kind}.json within {deadline_s:g} s")
            time.sleep(_POLL_S)

    def version(self, kind: Xds) -> str:
        """Return the version of a file that Envoy serves; empty when none."""
        name = f"{_STATS[kind]}.version_text"
        return self.stats(f"^{re.escape(name)}$").get(name, "").strip('"')

    def members(self, cluster: str) -> Members:
        """Return how many replicas of a cluster are healthy; 0 of 0 when there is no such cluster.

        A cluster that was taken out keeps its numbers until its last request has ended.
        """
        prefix = f"cluster.{cluster}.membership_"
        stats = self.stats(f"^{re.escape(prefix)}(healthy|total)$")
        return Members(int(stats.get(f"{prefix}healthy", 0)), int(stats.get(f"{prefix}total", 0)))

    def healthy(self) -> Mapping[str, int]:
        """Return how many replicas of each cluster are healthy, in one question."""
        stats = self.stats(r"^cluster\..*\.membership_healthy$")
        return {name[len("cluster.") : -len(".membership_healthy")]: int(value) for name, value in stats.items()}

    def in_flight(self, cluster: str) -> int:
        """Return how many requests a cluster executes or queues."""
        return self._sum(re.escape(cluster), "upstream_rq_(active|pending_active)")

    def deployment_in_flight(self, deployment: str) -> int:
        """Return the same for all clusters of a deployment."""
        return self._sum(_clusters_of(deployment), "upstream_rq_(active|pending_active)")

    def requests(self, deployment: str) -> Requests:
        """Return the totals of a deployment, over all of its clusters that are there."""
        of = _clusters_of(deployment)
        return Requests(
            total=self._sum(of, "upstream_rq_total"),
            answered_2xx=self._sum(of, "upstream_rq_2xx"),
            answered_4xx=self._sum(of, "upstream_rq_4xx"),
            answered_5xx=self._sum(of, "upstream_rq_5xx"),
            overflowed=self._sum(of, "upstream_rq_pending_overflow"),
            timed_out=self._sum(of, "upstream_rq_timeout"),
        )

    def reopen_logs(self) -> None:
        """Make Envoy write to its log files by name again, after they were moved away."""
        self._ask("POST", "/reopen_logs")

    def stats(self, pattern: str) -> Mapping[str, str]:
        """Return the statistics whose names match a regular expression.

        A histogram is told as `B<bound>(<new>,<all at or below the bound>)`, for each bound.
        """
        status, text = self._ask("GET", f"/stats?histogram_buckets=cumulative&filter={quote(pattern, safe='')}")
        if status != 200:
            raise GatewayFailed(f"the gateway's statistics: HTTP {status}", details=text[:500])
        pairs = (line.partition(": ") for line in text.splitlines())
        return {name: value for name, _, value in pairs}

    def _sum(self, cluster_pattern: str, stat_pattern: str) -> int:
        return sum(int(value) for value in self.stats(rf"^cluster\.{cluster_pattern}\.{stat_pattern}$").values())

    def _refuses(self) -> bool:
        try:
            return any(self.rejections(kind) for kind in Xds)
        except GatewayFailed:  # it does not answer yet
            return False

    def _ask(self, method: str, path: str) -> tuple[int, str]:
        connection = UnixConnection(self.paths.admin_socket, self.timeout_s)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        except (OSError, http.client.HTTPException) as error:
            raise GatewayFailed(
                f"the gateway does not answer at {self.paths.admin_socket} ({error})",
                remedy="Run `sluice up` to start it.",
                details=self._last_words(),
            ) from None
        finally:
            connection.close()

    def _failure(self, message: str) -> GatewayFailed:
        time.sleep(3 * FLUSH_MS / 1000)  # Envoy has said why, but maybe not written it yet
        words = self._last_words()
        kind = PortInUse if "Address already in use" in words else GatewayFailed
        remedy = "Choose another port (`sluice:port`)." if kind is PortInUse else f"See {self.paths.log}."
        return kind(message, remedy=remedy, details=words)

    def _last_words(self) -> str:
        try:
            with self.paths.log.open("rb") as log:
                log.seek(max(0, self.paths.log.stat().st_size - _LOG_TAIL))
                lines = log.read().decode(errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-5:])


def _clusters_of(deployment: str) -> str:
    return rf"{re.escape(deployment)}\.[0-9a-f]{{8}}"
