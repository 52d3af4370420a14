"""Releasing a goal on this machine: at once where there is nothing to walk, else by a gatekeeper that is followed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sluice.errors import Busy, Interrupted
from sluice.rollout import local
from sluice.rollout.documents import rollout_of
from sluice.rollout.driver import TOLD_S
from sluice.rollout.files import Ended, Open, RolloutFolder, Started
from sluice.rollout.machine import begin, same
from sluice.rollout.memory import given_up, seen_good
from sluice.rollout.meters.local import before
from sluice.rollout.models import ENDED, Command, Phase, State, Walk
from sluice.rollout.plan_walk import needs_walk, version_of, walk_of
from sluice.rollout.progress import progress_line
from sluice.spec.frozen import frozen_map
from sluice.spec.rollout import Rollout
from sluice.targets.local import gateways, recording, traffic
from sluice.targets.local.files import read_json, write_json
from sluice.targets.local.target import LocalTarget
from sluice.traffic.router import Routing
from sluice.traffic.weights import Weights

_LOOK_EVERY_S = 0.2
# A gatekeeper writes into the log every few seconds, whatever happens, until the walk has ended.
_HUNG_S = 60.0
_WAITING = frozenset({Phase.PAUSED, Phase.BAKING, Phase.HELD})


@dataclass(frozen=True)
class Goal:
    """What an endpoint's traffic is to be, and how it gets there: the rollout as JSON, its secrets, who wants it."""

    endpoint: str
    routing: Routing
    rollout: Mapping[str, Any]
    secrets: Mapping[str, str] = field(default_factory=frozen_map, repr=False)
    who: str = ""


class Standing(StrEnum):
    """How an endpoint stands to its goal once a release returns."""

    REACHED = "reached"
    WAITING = "waiting"
    FAILED = "failed"
    LEFT_ALONE = "left_alone"


@dataclass(frozen=True)
class Released:
    """How a release went: where the endpoint stands, the walk's state if there was one, and why in words."""

    standing: Standing
    says: str = ""
    state: State | None = None


def release(target: LocalTarget, goal: Goal, *, detach: bool = False) -> Released:
    """Bring an endpoint's traffic to its goal; return when it is there, when it waits, or when it was given up.

    A goal that was rolled back before is left alone. With `detach` a walk is started and not followed.
    Raises Busy while a walk to another goal is open, Interrupted, TrafficRefused, GatewayFailed.
    """
    folder, version = local.folder_of(target, goal.endpoint), _version(target, goal)
    recording.set_recording(target, goal.endpoint, _rollout(target, goal).record)
    walk = _open(folder)
    if walk is None:
        live = gateways.router(target, goal.endpoint).read()
        if not needs_walk(live.weights, goal.routing.weights):
            traffic.set_routing(target, goal.endpoint, goal.routing)
            return Released(Standing.REACHED)
        if (bad := given_up(folder.history(), version)) is not None:
            return _left_alone(folder, goal, bad)
        walk = _begun(target, folder, goal, version, live.weights)
    elif walk.state.walk.goal_hash != version:
        _turn_back(folder, walk, goal)
    local.supervise(target, goal.endpoint)
    if detach:
        return Released(Standing.WAITING, "the rollout goes on by itself", walk.state)
    return _followed(target, folder, walk, goal)


def left_alone_since(folder: RolloutFolder, since: float) -> str | None:
    """Return why a goal was left alone by a release after `since` (seconds since 1970)."""
    found = read_json(folder.root / "left-alone.json")
    return found["says"] if found and found["when"] >= since else None


def _open(folder: RolloutFolder) -> Open | None:
    walk = folder.read()
    ended = walk is None or any(one.id == walk.started.id for one in folder.history())
    return None if ended else walk


def _version(target: LocalTarget, goal: Goal, weights: Weights | None = None) -> str:
    state = target.endpoint(goal.endpoint).must_load()
    revisions = {name: one.revision for name, one in state.deployments.items()}
    return version_of(goal.endpoint, goal.routing.weights if weights is None else weights, revisions, goal.rollout)


def _rollout(target: LocalTarget, goal: Goal) -> Rollout:
    return rollout_of(goal.rollout, goal.secrets, local.project_of(target))


def _left_alone(folder: RolloutFolder, goal: Goal, bad: Ended) -> Released:
    when = datetime.fromtimestamp(bad.ended, UTC).strftime("%Y-%m-%d %H:%M UTC")
    says = (
        f"{goal.endpoint}: {bad.green} was {bad.phase.replace('_', ' ')} on {when} ({bad.says}); its weights are left"
        f" alone until its specification changes; try it again: sluice rollout retry --endpoint {goal.endpoint}"
    )
    write_json(folder.root / "left-alone.json", {"when": time.time(), "says": says})
    return Released(Standing.LEFT_ALONE, says)


def _begun(target: LocalTarget, folder: RolloutFolder, goal: Goal, version: str, live: Weights) -> Open:
    """Write the walk down, with what serves now in a state to take all requests."""
    rollout = _rollout(target, goal)
    walk = _walk(folder, rollout, live, goal, version)
    now = time.time()
    identifier = f"{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%S}-{version[:8]}"
    stable_version = _version(target, goal, live)
    started = Started(identifier, begin(walk, now), goal.rollout, stable_version, goal.who)
    opened = Open(started, started.state)
    told = local.LocalWorld(target, goal.endpoint, opened).prepare(walk.green, walk.blue)
    if told:
        target.report(told)
    folder.begin(replace(started, before=before(target, goal.endpoint, now)), goal.secrets)
    traffic.open_walk(target, goal.endpoint, identifier)
    return opened


def _walk(folder: RolloutFolder, rollout: Rollout, live: Weights, goal: Goal, version: str) -> Walk:
    straight = seen_good(folder.history(), version, time.time() - rollout.fast_track_s)
    return walk_of(rollout, live, goal.routing.weights, version, straight=straight)


def _turn_back(folder: RolloutFolder, walk: Open, goal: Goal) -> None:
    """A goal that is where the walk came from ends it; any other has to wait. Raises Busy."""
    if not same(goal.routing, Routing(walk.state.walk.stable)):
        state = walk.state
        raise Busy(
            f"endpoint {goal.endpoint}: a rollout of {state.walk.green} is open ({state.phase}: {state.says})",
            remedy=f"See it: sluice rollout status; end it first: sluice rollout abort --endpoint {goal.endpoint}",
        )
    folder.order(Command.ABORT, goal.who)


def _followed(target: LocalTarget, folder: RolloutFolder, walk: Open, goal: Goal) -> Released:
    """Follow a walk until it has ended or waits, telling how it goes."""
    told, unattended = "", time.monotonic()
    while True:
        state = folder.shown() or walk.state
        if (ended := _ended(folder, walk)) is not None:
            _dismissed(target, folder, walk)
            return _result(ended, state, goal)
        if state.phase in _WAITING and not folder.orders(0):
            return Released(Standing.FAILED if state.phase is Phase.HELD else Standing.WAITING, state.says, state)
        if target.cancelled():
            raise Interrupted("interrupted; the rollout goes on", remedy="See it: sluice rollout status")
        line = progress_line(state)
        if line != told:
            target.report(line)
            told = line
        unattended = _attended(target, folder, walk, unattended)
        time.sleep(_LOOK_EVERY_S)


def _dismissed(target: LocalTarget, folder: RolloutFolder, walk: Open) -> None:
    """Forget the gatekeeper once it has told people of the end; it does not wait long for them."""
    until = time.monotonic() + TOLD_S + _LOOK_EVERY_S
    while folder.alive() and time.monotonic() < until and not target.cancelled():
        time.sleep(_LOOK_EVERY_S)
    local.dismiss(target, walk.state.walk.endpoint)


def _attended(target: LocalTarget, folder: RolloutFolder, walk: Open, since: float) -> float:
    """Have the gatekeeper started again where none was there for a while, or one hangs; return since when."""
    if folder.alive():
        if folder.silent_s() > _HUNG_S:
            local.dismiss(target, walk.state.walk.endpoint)
        return time.monotonic()
    if time.monotonic() - since > 10:
        local.supervise(target, walk.state.walk.endpoint)
        return time.monotonic()
    return since


def _ended(folder: RolloutFolder, walk: Open) -> Ended | None:
    state = folder.shown()
    if state is None or state.phase not in ENDED:
        return None
    return next((one for one in folder.history() if one.id == walk.started.id), None)


def _result(ended: Ended, state: State, goal: Goal) -> Released:
    """A walk to another goal was given up for this one: then where it came from is where it should be."""
    reached = (ended.phase is Phase.DONE) == same(goal.routing, Routing(ended.goal))
    return Released(Standing.REACHED if reached else Standing.FAILED, ended.says, state)
