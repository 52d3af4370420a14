"""The meter of an endpoint on this machine: its gateway's log and counters, and sources outside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from sluice.errors import GatewayFailed
from sluice.rollout.meters import access_log, copies
from sluice.rollout.meters.access_log import Position
from sluice.rollout.meters.asked import Asker, Question, Reading, close_all, reading, taken
from sluice.rollout.meters.ledger import (
    Ledger,
    Samples,
    after_copies,
    after_requests,
    joined,
    ledger_of,
    new_ledger,
)
from sluice.rollout.meters.outcomes import Outcome, outcome, tallied
from sluice.rollout.meters.samples import LEAST_HISTORY, Series, series_of
from sluice.rollout.meters.tokens import Both, tokens_read
from sluice.rollout.models import Walk
from sluice.rollout.world import Json, Measured, Tallied
from sluice.spec.frozen import frozen_map
from sluice.spec.rollout import Measure, MetricRule, Rollout, StepKind
from sluice.targets.local import gateways
from sluice.targets.local.envoy.admin import Admin
from sluice.targets.local.envoy.bootstrap import LATENCY_MS
from sluice.targets.local.envoy.door import TOKENS_HEADER
from sluice.targets.local.target import LocalTarget
from sluice.traffic.router import Routing

BEFORE_S = 600.0
_HISTORY = 5000
_MOST_BEFORE = 32 * 1024 * 1024
_OUTSIDE = frozenset({Measure.PROMETHEUS, Measure.HTTP, Measure.COMMAND})


def local_meter(
    target: LocalTarget, rollout: Rollout, walk: Walk, position: Mapping[str, Any] | None = None
) -> LocalMeter:
    """Return the meter of a walk on this machine.

    It goes on at `position`, which an earlier one of the same walk has told; without one it begins with the next
    request. Secrets of the rollout are in their places (`documents.rollout_of`).
    """
    where = gateways.paths(target, walk.endpoint)
    rules = (*rollout.metrics, *(rule for step in rollout.steps for rule in step.metrics))
    source = Source(where.access_log, Admin(where), target.paths.root.parents[2])
    return LocalMeter(source, rules, walk, position)


def before(target: LocalTarget, endpoint: str, now: float, seconds: float = BEFORE_S) -> Mapping[str, Tallied]:
    """Return the requests that began in the last `seconds` before `now` (seconds since 1970), by deployment.

    At most those in the last 32 MiB of the log.
    """
    log = gateways.paths(target, endpoint).access_log
    since = datetime.fromtimestamp(now - seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    try:
        lines = access_log.last_lines(log, access_log.end_of(log), _MOST_BEFORE)
    except OSError:
        return frozen_map()
    return frozen_map(tallied(one for one in map(outcome, lines) if one and one.began >= since))


@dataclass(frozen=True)
class Source:
    """What a meter reads: the gateway's access log and admin interface; commands run in the project's folder."""

    log: Path
    admin: Admin
    project: Path


class LocalMeter:
    """A `world.Meter`. Its position is small: an offset, open blocks, thresholds."""

    def __init__(
        self, source: Source, rules: Iterable[MetricRule], walk: Walk, position: Mapping[str, Any] | None
    ) -> None:
        self._source, self._walk, self._rules = source, walk, tuple(rules)
        self._together = walk.stable.get(walk.blue, 0) > 0
        self._at, self._ledger = self._resumed(position) if position else self._begun()
        self._askers = {rule.name: self._asker(rule) for rule in self._rules if rule.measure in _OUTSIDE}
        for asker in self._askers.values():
            asker.start()

    def read(self, live: Routing | None) -> Measured:
        """Return what has come in since the last call; see `world.Meter`."""
        if live is not None:
            self._together = live.weights.get(self._walk.blue, 0) > 0
        outcomes, troubles = self._ended()
        pair = {self._walk.blue, self._walk.green}
        seen = [(one.deployment == self._walk.green, one) for one in outcomes if one.judged and one.deployment in pair]
        was = self._ledger.spent
        samples, self._ledger = after_requests(self._ledger, seen, together=self._together)
        of_copies, more = self._copied(live)
        readings = self._tokens(was) | taken(self._askers)
        troubles |= self._waiting() | more | {name: one.trouble for name, one in readings.items() if one.trouble}
        return Measured(
            samples=joined(samples, of_copies),
            numbers=frozen_map({name: one.number for name, one in readings.items()}),
            tally=frozen_map(tallied(outcomes)),
            position={"log": self._at.plain(), **self._ledger.plain()},
            troubles=frozen_map(troubles),
        )

    def close(self) -> None:
        """Stop the threads, and what they have started."""
        close_all(self._askers)

    def _begun(self) -> tuple[Position, Ledger]:
        at = access_log.end_of(self._source.log)
        return at, new_ledger(self._series(), self._history(at))

    def _resumed(self, position: Mapping[str, Any]) -> tuple[Position, Ledger]:
        return access_log.position_of(position["log"]), ledger_of(self._series(), position)

    def _series(self) -> tuple[Series, ...]:
        """Copies are only known by the bounds of Envoy's histograms, so where there are some, those serve for all."""
        mirrors = any(step.kind is StepKind.MIRROR for step in self._walk.steps)
        return series_of(self._rules, LATENCY_MS if mirrors else ())

    def _history(self, at: Position) -> list[float]:
        """Return the stable deployment's times of before, the newest few thousand."""
        try:
            lines = access_log.last_lines(self._source.log, at)
        except OSError:
            return []
        found = (one for line in lines if (one := outcome(line)) and one.judged and one.timed)
        return [one.ms for one in found if one.deployment == self._walk.blue][-_HISTORY:]

    def _ended(self) -> tuple[list[Outcome], Json]:
        """Return the requests that have ended since the last time, and what is wrong with the log."""
        try:
            found = access_log.read_on(self._source.log, self._at)
        except OSError as error:
            return [], self._trouble(f"the gateway's access log can't be read ({error.strerror})")
        self._at = found.position
        gone = "a part of the gateway's access log is gone; the requests in it are not counted"
        return [one for one in map(outcome, found.lines) if one], self._trouble(gone) if found.gap else {}

    def _copied(self, live: Routing | None) -> tuple[Samples, Json]:
        """Return what copies tell, as long as some are routed and once more after that."""
        if live is None:
            return {}, {}
        mirrored = live.mirror.get(self._walk.green, 0) > 0
        if not mirrored and self._ledger.copies is None:
            return {}, {}
        try:
            stats = self._source.admin.stats(copies.pattern(self._walk.green))
        except GatewayFailed as error:
            return {}, self._trouble(error.message)
        samples, ledger = after_copies(self._ledger, stats, together=self._together)
        self._ledger = ledger if mirrored else replace(ledger, copies=None)
        return samples, {}

    def _tokens(self, was: Both) -> dict[str, Reading]:
        rules = (rule for rule in self._rules if rule.measure is Measure.TOKENS)
        found = {rule.name: tokens_read(rule, was, self._ledger.spent, TOKENS_HEADER) for rule in rules}
        return {name: one for name, one in found.items() if one}

    def _waiting(self) -> Json:
        how = f"how quick {self._walk.blue} is isn't known yet"
        waiting = self._ledger.waiting()
        return {name: f"{name}: {how} ({count} of {LEAST_HISTORY} requests)" for name, count in waiting.items()}

    def _trouble(self, why: str) -> Json:
        """Return a trouble of the data plane, which is one of every metric that comes from it."""
        return {one.name: f"{one.name}: {why}" for one in self._ledger.series}

    def _asker(self, rule: MetricRule) -> Asker:
        pair = (self._walk.blue, self._walk.green)
        question = _question(rule, self._source.project)
        return Asker(partial(reading, rule, question, self._walk.endpoint, pair), rule.ask.interval_s)


def _question(rule: MetricRule, project: Path) -> Question:
    from sluice.rollout.meters.command import ask_command
    from sluice.rollout.meters.http import ask_address, ask_prometheus

    if rule.measure is Measure.PROMETHEUS:
        return partial(ask_prometheus, rule.ask)
    if rule.measure is Measure.HTTP:
        return partial(ask_address, rule.ask)
    return partial(ask_command, rule.ask, folder=project)
