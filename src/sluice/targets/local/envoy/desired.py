"""What one endpoint's Envoy is to do, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sluice.spec.frozen import frozen_map
from sluice.spec.models import Probe
from sluice.traffic.router import Routing


@dataclass(frozen=True)
class KeyAuth:
    """Callers send `authorization: Bearer KEY`, one of two."""

    primary: str = field(repr=False)
    secondary: str = field(repr=False)


@dataclass(frozen=True)
class TokenAuth:
    """Callers send `authorization: Bearer JWT`, signed with HS256, with `iss`, `aud` and `exp`."""

    secret: bytes = field(repr=False)
    issuer: str
    audience: str


Auth = KeyAuth | TokenAuth


@dataclass(frozen=True)
class Backend:
    """The replicas of a deployment, on 127.0.0.1, and the limits they serve under.

    `max_concurrent` is per replica. `keepalive_s` is how long an idle connection to a replica is kept: it must be
    below the server's own; 0 means one request a connection. `probe` is the readiness probe: its `period`,
    `timeout` and both thresholds are obeyed (`initial_delay` is over when a replica comes here).
    """

    deployment: str
    ports: tuple[int, ...]
    health_path: str = "/health"
    score_path: str = "/score"
    timeout_ms: int = 5000
    max_concurrent: int = 1
    probe: Probe = field(default_factory=Probe)
    keepalive_s: float = 4.0


@dataclass(frozen=True)
class Gateway:
    """One endpoint as its Envoy is to serve it. `deployments` has every name that can take requests."""

    endpoint: str
    port: int
    auth: Auth
    deployments: Mapping[str, Backend] = field(default_factory=frozen_map)
    routing: Routing = field(default_factory=Routing)
