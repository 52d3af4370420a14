"""What driving a rollout needs of the world, as protocols: this machine and Azure fulfil them, and tests' fakes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any, Protocol

from sluice.judging.verdicts import Verdict
from sluice.rollout.models import Sample
from sluice.spec.frozen import frozen_map
from sluice.traffic.router import Routing
from sluice.traffic.weights import Weights

Json = dict[str, Any]


@dataclass(frozen=True)
class Tallied:
    """Requests of one deployment: all, those that failed, and those of them that were lost to the switch itself.

    Lost are those that no server answered, for a reason that a switch can cause: no route, no cluster, no healthy
    replica, a connection broken off. A server's own error and a timeout are not.
    """

    requests: int = 0
    failed: int = 0
    lost: int = 0

    def __add__(self, other: Tallied) -> Tallied:
        return Tallied(self.requests + other.requests, self.failed + other.failed, self.lost + other.lost)


@dataclass(frozen=True)
class Measured:
    """What was measured since the last time.

    Attributes:
        samples, numbers: as in `models.Readings`.
        tally: by deployment; requests that reached none stand under the empty name.
        position: where to go on, as plain JSON; handing it to a new meter loses and repeats nothing.
        troubles: by metric, why there was no reading, for people; never with a secret.
    """

    samples: Mapping[str, tuple[Sample, ...]] = field(default_factory=frozen_map)
    numbers: Mapping[str, float | None] = field(default_factory=frozen_map)
    tally: Mapping[str, Tallied] = field(default_factory=frozen_map)
    position: Json = field(default_factory=dict)
    troubles: Mapping[str, str] = field(default_factory=frozen_map)


class Meter(Protocol):
    """The readings of one walk. Never raises for what is outside: that is a trouble, and no reading."""

    def read(self, live: Routing | None) -> Measured:
        """Return at once what has come in since the last call; slow sources answer in threads of their own."""
        ...

    def close(self) -> None:
        """Stop the threads, and what they have started."""
        ...


@dataclass(frozen=True)
class Case:
    """One request for a scoring route: a body, and how the stable deployment answered when it was recorded."""

    id: str
    body: bytes
    content_type: str = "application/json"
    answer: bytes | None = None
    status: int | None = None


@dataclass(frozen=True)
class Scene:
    """Where a step's work is done.

    `url` is the scoring address; `headers` open its door (secret) and are the same for both deployments: a request
    names its deployment by the header `azureml-model-deployment`. `recorded` gives recorded requests, newest first.
    `folder` is for reports; `stop` is set when the work is to end at once. `step` ("2 of 5") and `weights` are for
    those who are asked.
    """

    endpoint: str
    stable: str
    green: str
    url: str
    root: Path
    folder: Path
    headers: Mapping[str, str] = field(default_factory=frozen_map, repr=False)
    recorded: Iterable[Case] = ()
    stop: Event = field(default_factory=Event, compare=False)
    step: str = ""
    weights: Weights = field(default_factory=frozen_map)


@dataclass(frozen=True)
class Result:
    """How a step's work ended: the verdict, one line for people, and a report as plain JSON."""

    verdict: Verdict
    says: str
    report: Json = field(default_factory=dict)


class World(Protocol):
    """The endpoint that is walked. A method raises SluiceError where it can't."""

    def live(self) -> Routing:
        """Return what is routed now."""
        ...

    def route(self, routing: Routing) -> None:
        """Return when every new request is routed so; after an error what was live is live."""
        ...

    def ready(self) -> Mapping[str, bool]:
        """Tell of each deployment whether it has a replica that serves; leave out what is not known."""
        ...

    def prepare(self, green: str, like: str) -> str:
        """Bring `green` to as many replicas as `like` has, all healthy; return one line on what was done, or ''."""
        ...

    def scene(self, folder: Path, stop: Event) -> Scene:
        """Return where the work of a step is done."""
        ...

    def settle(self, leaving: str, drain_s: float) -> bool:
        """Wait until nothing is in flight on a deployment that was left, at most `drain_s` seconds; tell whether so."""
        ...

    def give_free(self) -> None:
        """Let others change weights again: the walk has ended. Doing it twice changes nothing."""
        ...

    def last_words(self, deployment: str, lines: int) -> tuple[str, ...]:
        """Return the last lines of a deployment's log."""
        ...
