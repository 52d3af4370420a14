"""What the simulator holds: resources, what is under way, who may do what, and what goes wrong on purpose."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from tests.azure.simulator.names import ENDPOINT, Target, target

Body = dict[str, Any]


class Refused(Exception):
    """An answer of 400 or more."""

    def __init__(self, status: int, code: str, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@dataclass
class Stored:
    """A resource: its body as it is live, a version that every write changes, and what is under way on it."""

    target: Target
    body: Body
    version: int = 1
    operation: str | None = None

    def shown(self) -> Body:
        """Return what a GET answers."""
        named = {"id": self.target.id, "name": self.target.name, "type": self.target.type}
        return {**deepcopy(self.body), **named}


@dataclass
class Operation:
    """Something that takes a number of looks, then changes the world, or fails with `error`."""

    id: str
    key: str
    left: int
    finish: Callable[[], None]
    error: Body | None = None
    status: str = "InProgress"


@dataclass
class Fault:
    """Something that goes wrong with requests that match, so many times.

    `after`: the request is carried out first. `status` 0: the connection is cut without an answer.
    """

    method: str
    path: str
    status: int
    times: int = 1
    code: str = "Injected"
    headers: dict[str, str] = field(default_factory=dict)
    after: bool = False

    def meets(self, method: str, path: str) -> bool:
        """Whether a request is one that goes wrong."""
        return self.times > 0 and method == self.method and re.search(self.path, path) is not None


@dataclass
class Settings:
    """How this Azure behaves.

    Attributes:
        polls: looks that a long-running operation takes; 0 means done at once.
        way: how operations are followed: status (Azure-AsyncOperation), result (Location), resource.
        etags: whether endpoints have ETags.
        roles_after: requests until a role that was given takes effect.
        lists_secrets: whether the caller itself may read connections' secrets.
        denied: actions that the caller's roles lack.
        cores: limits of cores by family; others have enough.
        taken: names of endpoints that others have in the region.
        failing: message by deployment (`endpoint/name`) that does not come up.
        scoring: where endpoints are asked.
        sizes_missing: VM sizes that the region has not.
        mine: what the caller's own roles allow, as ARM writes permissions.
        groups: the groups that a principal is in.
    """

    polls: int = 2
    way: str = "status"
    etags: bool = True
    roles_after: int = 0
    lists_secrets: bool = True
    denied: set[str] = field(default_factory=set)
    cores: dict[str, int] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    failing: dict[str, str] = field(default_factory=dict)
    scoring: str = "https://{name}.{location}.inference.ml.azure.com/score"
    sizes_missing: set[str] = field(default_factory=set)
    mine: list[dict[str, list[str]]] = field(default_factory=lambda: [{"actions": ["*"], "dataActions": ["*"]}])
    groups: dict[str, set[str]] = field(default_factory=dict)


@dataclass
class World:
    """Everything there is.

    `logs` has lines by `endpoint/deployment/container`; `metrics` has series by name of resource and metric: their
    dimensions, and `values`, one a minute.
    """

    subscription: str = "sub"
    group: str = "group"
    workspace: str = "space"
    location: str = "westeurope"
    settings: Settings = field(default_factory=Settings)
    resources: dict[str, Stored] = field(default_factory=dict)
    operations: dict[str, Operation] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    weights: list[tuple[str, dict[str, int]]] = field(default_factory=list)
    given: dict[str, int] = field(default_factory=dict)
    keys: dict[str, tuple[str, str]] = field(default_factory=dict)
    logs: dict[str, list[str]] = field(default_factory=dict)
    metrics: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=lambda: {"good"})

    @property
    def workspace_id(self) -> str:
        """ARM id of the workspace."""
        group = f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"
        return f"{group}/providers/Microsoft.MachineLearningServices/workspaces/{self.workspace}"

    def find(self, arm_id: str) -> Stored | None:
        """Return a resource; None where there is none."""
        return self.resources.get("/" + arm_id.strip("/").lower())

    def must(self, arm_id: str) -> Stored:
        """Return a resource. Raises Refused."""
        found = self.find(arm_id)
        if found is None:
            named = target(arm_id)
            raise Refused(404, "ResourceNotFound", f"The Resource '{named.type}/{named.name}' was not found.")
        return found

    def below(self, arm_id: str, type_: str) -> Iterator[Stored]:
        """Yield the resources of a type that lie right in another."""
        above = "/" + arm_id.strip("/").lower() + "/"
        yield from (one for key, one in self.resources.items() if key.startswith(above) and one.target.type == type_)

    def store(self, named: Target, body: Body) -> Stored:
        """Keep a resource as it is to be; what was under way on it stays."""
        known = self.resources.get(named.key)
        if known:
            known.body, known.version = body, known.version + 1
        else:
            known = self.resources[named.key] = Stored(named, body)
        if named.type == ENDPOINT:
            self.weights.append((named.name, dict(body["properties"].get("traffic") or {})))
        return known

    def begin(self, named: Target, finish: Callable[[], None], error: Body | None = None) -> Operation | None:
        """Let something take its time; None where it takes none and is done."""
        if self.settings.polls == 0 and error is None:
            finish()
            return None
        operation = Operation(str(uuid.uuid4()), named.key, self.settings.polls, finish, error)
        self.operations[operation.id] = operation
        if found := self.resources.get(named.key):
            found.operation = operation.id
        return operation

    def look(self, operation: Operation) -> None:
        """Look at something under way: at the last look it ends."""
        if operation.status != "InProgress":
            return
        operation.left -= 1
        if operation.left > 0:
            return
        if found := self.resources.get(operation.key):
            found.operation = None
        operation.status = "Failed" if operation.error else "Succeeded"
        operation.finish()

    def sums(self, endpoint: str) -> list[int]:
        """Return the sums of an endpoint's weights in every state it had, from its first opening on."""
        found = [sum(weights.values()) for name, weights in self.weights if name == endpoint]
        opened = next((index for index, total in enumerate(found) if total), len(found))
        return found[opened:]
