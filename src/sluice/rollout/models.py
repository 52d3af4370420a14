"""A rollout as data: its steps, what it is judged by, what was read, where it stands, what is to be done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sluice.judging.verdicts import Verdict
from sluice.rollout.proportions import Bet, Counts
from sluice.spec.frozen import frozen_map
from sluice.spec.rollout import OnFailure, StepKind
from sluice.traffic.router import Cohort, Routing
from sluice.traffic.weights import Weights

WORK = frozenset({StepKind.EVALUATE, StepKind.WEBHOOK, StepKind.LOAD, StepKind.PARITY})


@dataclass(frozen=True)
class Step:
    """One step: `percent` of the way from the stable weights to the goal (weight), or of requests copied (mirror).

    `hold_s` is how long it is judged before the next, in seconds of observed time; `cohort` are the callers of a
    HEADER step. `source` is the step of the specification it stands for; the last weight may stand for none.
    """

    kind: StepKind
    percent: int = 0
    hold_s: float = 0.0
    cohort: Cohort | None = None
    says: str = ""
    source: int | None = None


class MetricKind(StrEnum):
    """How readings of a metric are judged.

    WORSE_THAN_STABLE: counts of both deployments, by the sequential test of `proportions`.
    OVER_LIMIT: counts of the new one, whose rate must not lie over `high`, by a sequential test too.
    LIMIT: a number that must stay inside `low` and `high`.
    """

    WORSE_THAN_STABLE = "worse_than_stable"
    OVER_LIMIT = "over_limit"
    LIMIT = "limit"


@dataclass(frozen=True)
class Metric:
    """One thing a rollout is judged by.

    Attributes:
        name: unique in the rollout.
        alpha: chance of a false alarm over the whole walk, however often it is looked at.
        tolerance: difference of rates that is not worth stopping for.
        expected: share of the stable deployment's requests that is believed in before any is seen: 1 in 200 for
            errors, 1 less the quantile for latency.
        least_requests: of the new deployment in a step, before the step can pass.
        low, high: limits of a LIMIT metric; None where there is none. `high` is also the share that an OVER_LIMIT
            metric must not lie over.
        failures_allowed: readings outside the limits in a row that do not fail it yet.
        steps: of the walk in which it is judged; none means all.
        about: what is counted or measured, for people: "errors", "slower than 120 ms".
    """

    name: str
    kind: MetricKind
    alpha: float = 0.01
    tolerance: float = 0.0
    expected: float = 0.005
    least_requests: int = 20
    low: float | None = None
    high: float | None = None
    failures_allowed: int = 0
    steps: tuple[int, ...] = ()
    about: str = ""


@dataclass(frozen=True)
class Walk:
    """What does not change while a rollout goes on.

    `stable` are the live weights it starts from and goes back to; `goal` is where it leads; `green` is the
    deployment that gains most, `blue` the one that loses most. The deadline is seconds of observed time. With
    `failover` traffic moves on to green when blue dies in the middle.
    """

    endpoint: str
    goal_hash: str
    stable: Weights
    goal: Weights
    blue: str
    green: str
    steps: tuple[Step, ...]
    metrics: tuple[Metric, ...] = ()
    on_failure: OnFailure = OnFailure.ROLLBACK
    failover: bool = False
    deadline_s: float = 86_400.0


class Phase(StrEnum):
    """Where a rollout stands."""

    WALKING = "walking"
    PAUSED = "paused"
    BAKING = "baking"
    HELD = "held"
    RETURNING = "returning"
    DONE = "done"
    ROLLED_BACK = "rolled_back"
    ABORTED = "aborted"


ENDED = frozenset({Phase.DONE, Phase.ROLLED_BACK, Phase.ABORTED})


class Command(StrEnum):
    """What a person asks of an open rollout."""

    PROMOTE = "promote"
    ABORT = "abort"
    RETRY = "retry"


@dataclass(frozen=True)
class Order:
    """A command, who gave it, and a number that tells it from the others; numbers rise.

    `step` is the one that was seen by who gave it: a promotion ends that one and no other. None is whichever it is.
    """

    command: Command
    number: int = 0
    who: str = ""
    step: int | None = None


@dataclass(frozen=True)
class Sample:
    """What was counted of both deployments since the last reading, for one metric, in the order it happened."""

    stable: Counts
    green: Counts


@dataclass(frozen=True)
class WorkResult:
    """How the work of a step ended; `attempt` tells it from an earlier one of the same step."""

    step: int
    attempt: int
    verdict: Verdict
    says: str = ""


@dataclass(frozen=True)
class Readings:
    """What was seen since the last step.

    Attributes:
        live: what the router shows; None where it could not be read.
        samples: by metric, in order.
        numbers: by metric, a new reading of a LIMIT metric; None where it was asked for and there was none (NaN and
            text never come this far). One that is missing was not asked for this time.
        works: work that ended.
        orders: what people asked, oldest first.
        ready: whether each deployment has a replica that serves; a name that is missing is not known.
    """

    live: Routing | None = None
    samples: Mapping[str, tuple[Sample, ...]] = field(default_factory=frozen_map)
    numbers: Mapping[str, float | None] = field(default_factory=frozen_map)
    works: tuple[WorkResult, ...] = ()
    orders: tuple[Order, ...] = ()
    ready: Mapping[str, bool] = field(default_factory=frozen_map)


@dataclass(frozen=True)
class Judged:
    """What is known of one metric: the bet so far, requests of the new deployment in this step, the last number."""

    bet: Bet = field(default_factory=Bet)
    in_step: Counts = field(default_factory=Counts)
    number: float | None = None
    outside: int = 0


@dataclass(frozen=True)
class State:
    """Where a rollout stands. Times are seconds; `clock` is the wall clock of the last reading.

    Attributes:
        step: index of the step it is in.
        in_step_s: observed time at the step's weights; it does not run while the router shows others.
        elapsed_s: observed time spent walking, or held; pauses and the bake don't count.
        attempt: of the step's work; 0 where none was started.
        returning_to: how a RETURNING walk ends, once the stable weights are seen live.
        says: why it stands where it stands, for people.
    """

    walk: Walk
    clock: float
    phase: Phase = Phase.WALKING
    step: int = 0
    in_step_s: float = 0.0
    elapsed_s: float = 0.0
    attempt: int = 0
    work: Verdict | None = None
    judged: Mapping[str, Judged] = field(default_factory=frozen_map)
    returning_to: Phase | None = None
    says: str = ""


class ActionKind(StrEnum):
    """What the gatekeeper is told to do."""

    ROUTE = "route"
    START = "start"
    TELL = "tell"


@dataclass(frozen=True)
class Action:
    """One thing to do: set the routing, start a step's work, tell people. Doing it twice changes nothing."""

    kind: ActionKind
    routing: Routing | None = None
    step: int = 0
    attempt: int = 0
    event: str = ""
