"""Orders to a rollout from any shell: written down for its gatekeeper, or carried out here where there is none."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace

from sluice.errors import Busy, NotFound, SluiceError, StorageFailed
from sluice.rollout import local
from sluice.rollout.driver import drive, ended_of
from sluice.rollout.files import Ended, Open, RolloutFolder, Started
from sluice.rollout.models import ENDED, Command, Order, Phase, State
from sluice.targets.local import traffic
from sluice.targets.local.target import LocalTarget
from sluice.traffic.router import Routing

_POLL_S = 0.02
_GIVE_UP_S = 30.0
# A gatekeeper looks for orders ten times a second; one that does not for so long hangs, and is ended.
_HANGS_S = 5.0


def give(target: LocalTarget, endpoint: str, command: Command, who: str, step: int | None = None) -> Open:
    """Give an order and return the walk once it was carried out, by the gatekeeper or, where it is dead or hangs, here.

    `step` is the one that a promotion is to end; without it, the one that is waited at. Raises NotFound where no
    rollout is open, Busy when nobody carried it out within 30 seconds.
    """
    folder = local.folder_of(target, endpoint)
    _must_be_open(folder, endpoint)
    order = folder.order(command, who, step)
    hangs, deadline = time.monotonic() + _HANGS_S, time.monotonic() + _GIVE_UP_S
    while folder.pending(order) or _returning(folder):
        if time.monotonic() > deadline:
            raise Busy(
                f"endpoint {endpoint}: nobody carried out {command} within {_GIVE_UP_S:g} s; it will be, once its"
                " gatekeeper looks",
                remedy=f"See what it does: sluice rollout status --endpoint {endpoint}",
            )
        if not folder.alive():
            _step_in(target, folder, order, deadline)
        elif folder.pending(order) and time.monotonic() > hangs:
            hangs = deadline
            local.dismiss(target, endpoint)
        time.sleep(_POLL_S)
    return _must_be_open(folder, endpoint, anyway=True)


def retry(target: LocalTarget, endpoint: str) -> Ended:
    """Forget that the last walk was rolled back, so that the next `up` tries its goal again; return that walk.

    Raises NotFound where the last walk ended well, or none did; Busy while one that has ended waits for the last
    requests in flight.
    """
    folder = local.folder_of(target, endpoint)
    _await_its_end(folder, endpoint)
    history = folder.history()
    if not history or history[-1].phase is Phase.DONE:
        raise NotFound(f"endpoint {endpoint} has no rollout that was given up", remedy="Release it: sluice up")
    forgiven = replace(history[-1], forgiven=True)
    folder.remember(forgiven)
    return forgiven


def _await_its_end(folder: RolloutFolder, endpoint: str) -> None:
    """Wait until a walk that has ended is written down as such: else the one before it would be forgiven."""
    deadline = time.monotonic() + _GIVE_UP_S
    while (walk := folder.read()) and walk.state.phase in ENDED and is_open(folder):
        if time.monotonic() > deadline:
            raise Busy(
                f"endpoint {endpoint}: its rollout still waits for the last requests in flight",
                remedy=f"See it: sluice rollout status --endpoint {endpoint}; then try again.",
            )
        time.sleep(_POLL_S)


def rollback(target: LocalTarget, endpoint: str, who: str) -> Open | Ended:
    """Give the endpoint its last good weights, now: abort an open walk, or go back to what the last one came from.

    After a walk that was given up these are live already. A walk whose log is damaged is ended from what it last
    showed. Raises NotFound where nothing is known to go back to, TrafficRefused when that runs no more.
    """
    folder = local.folder_of(target, endpoint)
    try:
        if is_open(folder):
            walk = give(target, endpoint, Command.ABORT, who)
            if walk.state.phase is not Phase.DONE:  # it was there already, and waited for what was in flight
                return walk
    except StorageFailed:
        return _ended_blindly(target, folder, who)
    history = folder.history()
    if not history:
        raise NotFound(
            f"endpoint {endpoint} has no rollout to go back from",
            remedy=f"Set the weights: sluice traffic set NAME=100 --endpoint {endpoint}",
        )
    traffic.set_routing(target, endpoint, Routing(history[-1].stable))
    undone = replace(history[-1], phase=Phase.ROLLED_BACK, ended=time.time(), says=f"rolled back by {who}")
    if history[-1].phase is not Phase.DONE:
        return history[-1]
    folder.remember(undone)
    return undone


def _ended_blindly(target: LocalTarget, folder: RolloutFolder, who: str) -> Ended:
    """End a walk that its log can't tell of any more. Raises NotFound where nothing was ever shown of it."""
    state, endpoint = folder.shown(), folder.root.name
    if state is None:
        raise NotFound(
            f"endpoint {endpoint}: its rollout can't be read",
            remedy=f"Take all that is there away: sluice down --force; or set weights after moving {folder.root} away.",
        )
    local.dismiss(target, endpoint)
    walk = target.endpoint(endpoint).must_load().walk
    traffic.set_routing(target, endpoint, Routing(state.walk.stable), walk=walk)
    traffic.close_walk(target, endpoint, walk)
    folder.set_damaged_aside()
    ended = ended_of(state, Started(walk or "damaged", state, {}), {}, time.time())
    ended = replace(ended, phase=Phase.ROLLED_BACK, says=f"its log was damaged; rolled back by {who}")
    folder.remember(ended)
    folder.show(replace(state, phase=ended.phase, says=ended.says))  # an `up` that follows it looks there
    return ended


def is_open(folder: RolloutFolder) -> bool:
    """Tell whether a walk is open: it has not ended, or its end is still to be written down."""
    walk = folder.read()
    return walk is not None and all(one.id != walk.started.id for one in folder.history())


def _returning(folder: RolloutFolder) -> bool:
    state = folder.shown()
    return state is not None and state.phase is Phase.RETURNING


def _must_be_open(folder: RolloutFolder, endpoint: str, *, anyway: bool = False) -> Open:
    """Return the walk that is open, or (`anyway`) was a moment ago. Raises NotFound."""
    walk = folder.read()
    if walk is None or not (anyway or is_open(folder)):
        raise NotFound(
            f"endpoint {endpoint} has no open rollout",
            remedy=f"See the last ones: sluice rollout history -e {endpoint}",
        )
    return walk


def _carried_out(walk: Open, order: Order) -> bool:
    return walk.numbered >= order.number and walk.state.phase is not Phase.RETURNING


def _step_in(target: LocalTarget, folder: RolloutFolder, order: Order, deadline: float) -> None:
    """Carry an order out in the gatekeeper's place, then have one started that goes on."""
    with suppress(Busy), folder.driving():
        walk = folder.read()
        if walk is not None and not _carried_out(walk, order):
            drive(local.parts_of(target, walk), walk, lambda state: _settled(folder, order, state, deadline))
        with suppress(SluiceError):
            local.supervise(target, folder.root.name)


def _settled(folder: RolloutFolder, order: Order, state: State, deadline: float) -> bool:
    returned = not folder.pending(order) and state.phase is not Phase.RETURNING
    return returned or time.monotonic() > deadline
