"""What one endpoint is on this machine: the truth from which Envoy's files and the processes follow.

Every step of a change is written here before it is done, so that whoever comes next can finish or undo it.
The file holds keys and is readable by its owner only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sluice.errors import NotFound, StorageFailed
from sluice.spec.frozen import frozen_map
from sluice.spec.models import Probe
from sluice.targets.local.envoy.desired import Auth, Backend, Gateway, KeyAuth, TokenAuth
from sluice.targets.local.files import locked, read_json, write_json
from sluice.targets.local.paths import StackPaths
from sluice.traffic.router import Routing, as_routing

Json = dict[str, Any]


@dataclass(frozen=True)
class Replica:
    """One process or container of a deployment: its program under the supervisor and its port.

    `runtime` is `process` or `docker`; a container has its image's id.
    """

    program: str
    port: int
    runtime: str = "process"
    image: str | None = None


@dataclass(frozen=True)
class DeploymentState:
    """A deployment that serves. `revision` is a hash of all its processes see; `facts` are for people."""

    name: str
    revision: str
    replicas: tuple[Replica, ...]
    backend: Backend
    contents: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=frozen_map)


@dataclass(frozen=True)
class Starting:
    """A program that is not in service yet, and the process (id, start time) that is bringing it up."""

    program: str
    pid: int
    started: str


@dataclass(frozen=True)
class EndpointState:
    """An endpoint. `starting` are programs not yet in service; `draining` are backends on their way out.

    `walk` is the id of the rollout that is open, empty where none is: while it is, nobody else changes weights.
    """

    name: str
    port: int
    auth_mode: str
    primary: str = field(repr=False)
    secondary: str = field(repr=False)
    token_secret: str = field(repr=False)
    routing: Routing = field(default_factory=Routing)
    deployments: Mapping[str, DeploymentState] = field(default_factory=frozen_map)
    identities: tuple[str, ...] = ()
    starting: tuple[Starting, ...] = ()
    draining: tuple[DeploymentState, ...] = ()
    walk: str = ""

    @property
    def auth(self) -> Auth:
        """Return what opens the door; a token's audience is the endpoint.

        Tokens are signed with a secret that nobody is told: whoever knew a key could make tokens of his own.
        """
        if self.auth_mode == "key":
            return KeyAuth(self.primary, self.secondary)
        return TokenAuth(self.token_secret.encode(), "sluice", self.name)

    @property
    def gateway(self) -> Gateway:
        """Return what Envoy is to do."""
        backends = {name: deployment.backend for name, deployment in self.deployments.items()}
        return Gateway(self.name, self.port, self.auth, frozen_map(backends), self.routing)

    def with_deployment(self, deployment: DeploymentState) -> EndpointState:
        """Return the endpoint with this deployment in service, its former self draining."""
        former = self.deployments.get(deployment.name)
        leaving = (*self.draining, former) if former else self.draining
        deployments = frozen_map({**self.deployments, deployment.name: deployment})
        started = {replica.program for replica in deployment.replicas}
        return replace(
            self,
            deployments=deployments,
            draining=tuple(one for one in leaving if one.backend != deployment.backend),
            starting=tuple(one for one in self.starting if one.program not in started),
        )

    def without_deployment(self, name: str) -> EndpointState:
        """Return the endpoint without this deployment, which drains."""
        leaving = self.deployments.get(name)
        rest = {other: deployment for other, deployment in self.deployments.items() if other != name}
        weights = {other: weight for other, weight in self.routing.weights.items() if other != name}
        mirror = {other: share for other, share in self.routing.mirror.items() if other != name}
        cohort = self.routing.cohort
        return replace(
            self,
            deployments=frozen_map(rest),
            routing=Routing(
                frozen_map(weights), frozen_map(mirror), cohort if cohort and cohort.deployment != name else None
            ),
            draining=(*self.draining, leaving) if leaving else self.draining,
        )

    def programs(self) -> frozenset[str]:
        """Return the programs that are in service or drain, or are being brought up."""
        serving = (*self.deployments.values(), *self.draining)
        known = frozenset(replica.program for deployment in serving for replica in deployment.replicas)
        return known | {one.program for one in self.starting}


@dataclass(frozen=True)
class EndpointFile:
    """Where an endpoint's state is kept, and the lock that whoever changes it holds."""

    folder: Path

    @property
    def path(self) -> Path:
        """The state file."""
        return self.folder / "state.json"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the endpoint; nobody else changes it meanwhile."""
        with locked(self.folder.with_name(f"{self.folder.name}.lock"), what=f"endpoint {self.folder.name}"):
            yield

    def load(self) -> EndpointState | None:
        """Return the state, or None where there is no such endpoint."""
        record = read_json(self.path)
        if record is None:
            return None
        try:
            return _endpoint(record)
        except (TypeError, KeyError, AttributeError):
            raise StorageFailed(
                f"{self.path}: is damaged, or another version of Sluice wrote it",
                remedy="Use that version, or take what is there away: sluice down --force",
            ) from None

    def must_load(self) -> EndpointState:
        """Return the state. Raises NotFound."""
        state = self.load()
        if state is None:
            raise NotFound(f"endpoint {self.folder.name} does not exist here", remedy="Create it: sluice up")
        return state

    def save(self, state: EndpointState) -> EndpointState:
        """Write the state, whole or not at all, and return it."""
        write_json(self.path, plain(state))
        return state


def endpoint_file(paths: StackPaths, name: str) -> EndpointFile:
    """Return the file of an endpoint."""
    return EndpointFile(paths.endpoint(name))


def endpoints_of(paths: StackPaths) -> tuple[EndpointState, ...]:
    """Return every endpoint of a stack, sorted by name."""
    folder = paths.root / "endpoints"
    found = sorted(folder.glob("*/state.json")) if folder.is_dir() else []
    return tuple(state for file in found if (state := EndpointFile(file.parent).load()))


def running_contents(paths: StackPaths) -> frozenset[str]:
    """Return the hashes of model contents that some deployment serves, or still drains."""
    serving = (d for e in endpoints_of(paths) for d in (*e.deployments.values(), *e.draining))
    return frozenset(digest for deployment in serving for digest in deployment.contents)


def plain(value: Any) -> Any:
    """Return a value of ours as plain JSON: dataclasses and mappings as objects, tuples as lists."""
    if isinstance(value, Mapping):
        return {key: plain(child) for key, child in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(child) for child in value]
    if hasattr(value, "__dataclass_fields__"):
        return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
    return value


def _endpoint(record: Json) -> EndpointState:
    deployments = {name: _deployment(item) for name, item in record["deployments"].items()}
    fields = record | {
        "routing": as_routing(record["routing"]),
        "deployments": frozen_map(deployments),
        "identities": tuple(record["identities"]),
        "starting": tuple(Starting(**item) for item in record["starting"]),
        "draining": tuple(_deployment(item) for item in record["draining"]),
    }
    return EndpointState(**fields)


def _deployment(record: Json) -> DeploymentState:
    backend = record["backend"]
    fields = record | {
        "replicas": tuple(Replica(**item) for item in record["replicas"]),
        "backend": Backend(**backend | {"ports": tuple(backend["ports"]), "probe": Probe(**backend["probe"])}),
        "contents": tuple(record["contents"]),
        "facts": frozen_map(record["facts"]),
    }
    return DeploymentState(**fields)
