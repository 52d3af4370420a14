"""What a rollout.yaml says, as frozen values. Their meaning is written in its schema.

Times are seconds, shares are 0 to 1, weights are whole percents. Paths are absolute. A value that may be secret is a
`SecretReference` until it is used; `sluice.rollout.documents` writes and reads all of this as plain data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from sluice.errors import Mark
from sluice.spec.frozen import frozen_map
from sluice.spec.terms import Value

NOWHERE = Mark("rollout.yaml")
"""Where what was not read from a file stands."""


class StepKind(StrEnum):
    """What a step does."""

    WEIGHT = "weight"
    MIRROR = "mirror"
    HEADER = "header"
    HOLD = "hold"
    PAUSE = "pause"
    EVALUATE = "evaluate"
    WEBHOOK = "webhook"
    LOAD = "load"
    PARITY = "parity"
    BAKE = "bake"


class OnFailure(StrEnum):
    """What follows a failed gate."""

    ROLLBACK = "rollback"
    HOLD = "hold"


@dataclass(frozen=True)
class HeaderRule:
    """Requests that reach the new deployment whatever the weights.

    Those with the header `name` (with one of `values`, or any where there are none), and `cohort_percent` of all
    callers, each kept where it is by a cookie.
    """

    name: str = ""
    values: tuple[str, ...] = ()
    cohort_percent: int = 0


class Compare(StrEnum):
    """What of a number is held against its limits: itself, or its relation to the stable deployment's."""

    VALUE = "value"
    DIFFERENCE = "difference"
    RATIO = "ratio"


@dataclass(frozen=True)
class Limits:
    """A number must be at least `at_least` and at most `at_most`, where they are given."""

    at_least: float | None = None
    at_most: float | None = None
    compare: Compare = Compare.VALUE


class Measure(StrEnum):
    """Where a metric's readings come from. ERRORS, LATENCY and TOKENS are the data plane's."""

    ERRORS = "errors"
    LATENCY = "latency"
    TOKENS = "tokens"
    PROMETHEUS = "prometheus"
    HTTP = "http"
    COMMAND = "command"


@dataclass(frozen=True)
class Ask:
    """How an outside metric is asked for.

    `${deployment}` and `${endpoint}` in query, address and command stand for the names; `path` is a JSON pointer
    (RFC 6901) into an HTTP answer or a command's output, empty where that is the number itself.
    """

    address: Value = ""
    query: str = ""
    path: str = ""
    headers: Mapping[str, Value] = field(default_factory=frozen_map)
    command: tuple[str, ...] = ()
    interval_s: float = 10.0
    timeout_s: float = 10.0


@dataclass(frozen=True)
class MetricRule:
    """One thing a rollout is judged by.

    Attributes:
        worse_by: what is not worth stopping for, against the stable deployment: a difference of shares for ERRORS
            (0.005: half a percentage point), a factor less 1 for LATENCY (0.2: a fifth longer).
        limits: absolute. For ERRORS the share, for LATENCY milliseconds at `quantile`, else the number.
        false_alarm: the chance of stopping a good deployment by this metric over the whole walk.
        least_requests: of the new deployment in a step before the step can pass.
        failures_allowed: readings outside the limits in a row that don't fail it yet.
        relative: whether ERRORS and LATENCY are held against the stable deployment.
    """

    name: str
    measure: Measure
    at: Mark = NOWHERE
    quantile: float = 0.95
    worse_by: float = 0.0
    limits: Limits = Limits()
    false_alarm: float = 0.01
    least_requests: int = 20
    failures_allowed: int = 0
    relative: bool = True
    ask: Ask = Ask()


@dataclass(frozen=True)
class Gate:
    """A limit for one metric that an evaluation prints: on its mean over all cases, and on its worst case."""

    metric: str
    mean: Limits = Limits()
    worst: Limits = Limits()
    confidence: float = 0.95


@dataclass(frozen=True)
class Evaluate:
    """An evaluation of the new deployment, and (`paired`) of the stable one on the same cases, `repeats` times each.

    `command` is run, or `address` asked; either prints JSON: `{"metrics": {"relevance": 4.2}}`, or
    `{"cases": [{"id": "1", "metrics": {"relevance": 4}}, ...]}` for intervals and worst cases.
    """

    command: tuple[str, ...] = ()
    address: Value = ""
    headers: Mapping[str, Value] = field(default_factory=frozen_map)
    gates: tuple[Gate, ...] = ()
    repeats: int = 1
    paired: bool = True
    timeout_s: float = 600.0


@dataclass(frozen=True)
class Webhook:
    """A question to another system: a status from 200 to 299 is yes; 202 means not yet, asked again."""

    address: Value
    method: str = "POST"
    headers: Mapping[str, Value] = field(default_factory=frozen_map)
    timeout_s: float = 10.0
    retries: int = 2
    wait_s: float = 600.0


@dataclass(frozen=True)
class Load:
    """Requests made by Sluice, to the new deployment: from `data` (JSON lines), or from recorded ones.

    It ends after `requests` requests, `rate` a second. More than `failures_allowed` (a share) fail the step. One that
    is `live` passes at once and goes on until the rollout has ended; its requests go where the weights send them, are
    judged as those of callers, and these two fields mean nothing to it.
    """

    requests: int = 100
    rate: float = 10.0
    concurrency: int = 8
    data: Path | None = None
    recorded: bool = False
    failures_allowed: float = 0.0
    timeout_s: float = 60.0
    live: bool = False


class Likeness(StrEnum):
    """How two answers are compared; each gives a number from 0 (unlike) to 1 (alike)."""

    EXACT = "exact"
    FIELDS = "fields"
    SIMILARITY = "similarity"
    COMMAND = "command"


@dataclass(frozen=True)
class Parity:
    """The same requests to both deployments, and their answers compared.

    `fields` are JSON pointers that must be equal; `command` gets both answers as JSON on its standard input and
    prints a number. The step fails where the mean or the worst case is below its limit.
    """

    data: Path | None = None
    recorded: int = 0
    likeness: Likeness = Likeness.EXACT
    fields: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    mean_at_least: float = 1.0
    worst_at_least: float = 0.0
    timeout_s: float = 60.0


Work = Evaluate | Webhook | Load | Parity


@dataclass(frozen=True)
class RolloutStep:
    """One step: its kind, and what its kind needs; `metrics` are judged in this step only."""

    kind: StepKind
    at: Mark = NOWHERE
    percent: int = 0
    hold_s: float = 0.0
    says: str = ""
    header: HeaderRule | None = None
    work: Work | None = None
    metrics: tuple[MetricRule, ...] = ()


@dataclass(frozen=True)
class Record:
    """What is kept of requests and answers: `percent` of them, at most so many, each body of such size.

    The values behind the JSON pointers in `redact` are taken out before anything is written; headers are not kept.
    """

    percent: float = 1.0
    most_requests: int = 1000
    most_bytes: int = 65_536
    redact: tuple[str, ...] = ()


class NoticeForm(StrEnum):
    """The body a notification has."""

    JSON = "json"
    SLACK = "slack"
    TEAMS = "teams"


@dataclass(frozen=True)
class Notify:
    """Who is told of what happens: one of an address, a command (the event as JSON on its input), or a file.

    `events` are phases (`walking`, `paused`, `rolled_back`, ...); none means all.
    """

    address: Value = ""
    form: NoticeForm = NoticeForm.JSON
    headers: Mapping[str, Value] = field(default_factory=frozen_map)
    command: tuple[str, ...] = ()
    file: Path | None = None
    events: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rollout:
    """How an endpoint's traffic is walked from what is live to its goal.

    Attributes:
        metrics: judged in every step.
        fast_track_s: a version that was seen good within so many seconds goes straight to 100 %; 0: never.
        deadline_s: of the whole walk, without pauses and the bake.
        failover: whether traffic moves to the new deployment when the stable one dies in the middle of the walk.
        drain_s: how long requests in flight may last on a deployment that was left.
    """

    endpoint_name: str
    at: Mark = NOWHERE
    steps: tuple[RolloutStep, ...] = ()
    metrics: tuple[MetricRule, ...] = ()
    on_failure: OnFailure = OnFailure.ROLLBACK
    failover: bool = False
    fast_track_s: float = 0.0
    deadline_s: float = 86_400.0
    drain_s: float = 330.0
    record: Record | None = None
    notify: tuple[Notify, ...] = ()
    marks: Mapping[str, Mark] = field(default_factory=frozen_map, compare=False, repr=False)
