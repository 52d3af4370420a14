"""Deployments on this machine: bring up, switch, drain, take down; always in this order.

A change starts new replicas beside the old ones, waits until they are healthy, lets Envoy switch to them in
one step, drains the old and only then stops them. Each step is in the endpoint's state before it is done,
so a killed plugin leaves nothing that the next call does not finish or undo.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice

from sluice.errors import Busy, NotFound, SluiceError, TrafficRefused
from sluice.spec.frozen import frozen_map
from sluice.targets.local import gateways, replicas, wishes
from sluice.targets.local.processes.identity import ProcessIdentity, alive, identity_of
from sluice.targets.local.secrets import read_connections
from sluice.targets.local.state import DeploymentState, EndpointFile, EndpointState, Replica, Starting, running_contents
from sluice.targets.local.target import LocalTarget
from sluice.targets.local.usage import refuse_changed_while_walked, refuse_named_in_traffic, refuse_walked
from sluice.targets.local.wish import Wish, program_names, replicas_to_keep, revision_of

# Longer than any request may last (300 s), so that draining never cuts an answer short.
DRAIN_S = 330.0
# Where replicas were added: the old cluster leads to the same replicas, and nothing that serves is stopped after it.
_ADDED_DRAIN_S = 10.0


@dataclass(frozen=True)
class _Start:
    """What a change begins with: the replicas that stay, and the names of those to bring up."""

    kept: tuple[Replica, ...]
    names: tuple[str, ...]


def deploy(target: LocalTarget, wish: Wish) -> DeploymentState:
    """Make a deployment what it is wished to be, without losing a request. Repeating it changes nothing.

    Raises:
        AccessDenied: a connection its identity may not read.
        DeploymentFailed: new replicas that did not become healthy, with their last log lines; what served
            before still serves.
        StillUsed: it is to change while a rollout of its endpoint is open.
    """
    credentials = read_connections(target, wish.identity, wish.connections)
    deployment = _brought_up(target, wishes.Kept(wish, credentials))
    finish_draining(target, target.endpoint(wish.endpoint))
    return deployment


def scale(target: LocalTarget, endpoint: str, name: str, count: int) -> str:
    """Bring a deployment to at least `count` replicas, all ready; return one line on what was done, or "".

    New replicas come up beside those that serve, from what these were brought up from, and are in service when they
    have passed the readiness probe and the gateway finds them healthy. Those that serve are left alone; dead ones are
    replaced. So a deployment may have more replicas than its specification says. They stay while a rollout is open,
    whatever else changes. After it they are told as what they are, live replicas: the next update shows them as a
    difference (`instanceCount: 3 => 1`) and takes them away, drained. Nothing takes them away unasked when the rollout
    ends, for that would be the moment at which they carry all the traffic.

    Raises NotFound, Busy when it changes meanwhile, and what `deploy` raises; then what served before serves.
    """
    file = target.endpoint(endpoint)
    current = file.must_load().deployments.get(name)
    if current is None:
        raise NotFound(f"endpoint {endpoint} has no deployment {name}", remedy="Make it: sluice up")
    if len(replicas.running(target, endpoint) & {one.program for one in current.replicas}) >= count:
        return ""  # all are ready: what serves was, and Envoy sees to the rest
    kept = wishes.kept(target.paths, endpoint, name, current.revision)
    scaled = _brought_up(target, kept, max(count, len(current.replicas)))
    finish_draining(target, file, _ADDED_DRAIN_S, only=name)
    fresh = set(scaled.replicas) - set(current.replicas)
    return f"{name}: {len(fresh)} more started, {len(scaled.replicas)} replicas are ready" if fresh else ""


def _brought_up(target: LocalTarget, kept: wishes.Kept, at_least: int = 0) -> DeploymentState:
    """Start what is missing, wait for it, switch to it. With `at_least` it must be there, in the same revision."""
    wish, revision = kept.wish, revision_of(kept.wish, kept.credentials)
    file = target.endpoint(wish.endpoint)
    start = _announce(target, file, wish, revision, at_least)
    try:
        fresh = replicas.start(target, wish, start.names, kept.credentials)
        replicas.wait_ready(target, wish, fresh, start.kept)
        deployment = _state_of(wish, revision, (*start.kept, *fresh))
        wishes.keep(target.paths, kept, revision)
        _switch(target, file, deployment, added=at_least > 0)
    except BaseException:
        _abandon(target, file, start.names)
        raise
    wishes.forget(target.paths, wish.endpoint, wish.name, but=revision)
    return deployment


def remove(target: LocalTarget, endpoint: str, name: str, drain_s: float = DRAIN_S) -> None:
    """Take a deployment out of service, drain it for at most `drain_s` seconds, stop it. One that is gone is no error.

    Raises TrafficRefused while it has weight, mirrored traffic or a cohort, StillUsed while a rollout is open.
    """
    file = target.endpoint(endpoint)
    with file.lock():
        state = file.load()
        if state is None or name not in state.deployments:
            return
        refuse_while_it_has_traffic(state, name)
        refuse_walked(state, name)
        refuse_named_in_traffic(state, name)
        target.report("draining")
        gateways.apply(target, file.save(state.without_deployment(name)))
    wishes.forget(target.paths, endpoint, name)
    finish_draining(target, file, drain_s)


def refuse_while_it_has_traffic(state: EndpointState, name: str) -> None:
    """Raise TrafficRefused when a deployment has weight, mirrored traffic or a cohort."""
    weight, share = state.routing.weights.get(name, 0), state.routing.mirror.get(name, 0)
    cohort = state.routing.cohort
    if weight or share or (cohort and cohort.deployment == name):
        found = f"{weight} % of the traffic" if weight else f"{share} % mirrored traffic" if share else "a cohort"
        raise TrafficRefused(
            f"deployment {name} of endpoint {state.name} has {found}: removing it would lose requests",
            remedy=f"Move the traffic first: sluice traffic set OTHER=100 {name}=0 --endpoint {state.name}",
        )


def finish_draining(target: LocalTarget, file: EndpointFile, drain_s: float = DRAIN_S, only: str = "") -> None:
    """Wait until nothing is in flight to what drains, for at most `drain_s` seconds each; stop it and forget it.

    `only` names the one deployment to do it for.
    """
    with file.lock():
        state = file.load()
    for leaving in (one for one in state.draining if only in ("", one.name)) if state else ():
        gateways.wait_drained(target, file.must_load(), leaving.backend, drain_s)
        with file.lock():
            state = file.must_load()
            rest = tuple(one for one in state.draining if one != leaving)
            state = replace(state, draining=rest)
            gateways.apply(target, state)
            replicas.remove(target, _unused(leaving.replicas, state))
            file.save(state)
    if state:
        target.models.collect(running_contents(target.paths))


def recover(target: LocalTarget, file: EndpointFile, state: EndpointState) -> EndpointState:
    """Undo what a killed process left half started. The caller holds the endpoint's lock."""
    dead = abandoned(state)
    if not dead:
        return state
    replicas.remove(target, [one.program for one in dead])
    return file.save(replace(state, starting=tuple(one for one in state.starting if one not in dead)))


def abandoned(state: EndpointState) -> list[Starting]:
    """Return the programs that nobody is bringing up any more."""
    return [one for one in state.starting if not alive(ProcessIdentity(one.pid, one.started))]


def _announce(target: LocalTarget, file: EndpointFile, wish: Wish, revision: str, at_least: int) -> _Start:
    """Write down which programs are about to start, before any does."""
    with file.lock():
        state = recover(target, file, file.must_load())
        current = state.deployments.get(wish.name)
        if at_least:
            _refuse_changed(state, wish.name, revision)
        elif current and current.revision != revision:
            refuse_changed_while_walked(state, wish.name)
        surge = len(current.replicas) if current and state.walk else 0
        wanted = max(wish.instance_count, at_least, surge)
        kept = replicas_to_keep(current, revision, wanted, replicas.running(target, wish.endpoint))
        names = tuple(islice(program_names(wish, state.programs()), wanted - len(kept)))
        starting = tuple(Starting(name, os.getpid(), _birth()) for name in names)
        file.save(replace(state, starting=(*state.starting, *starting)))
    return _Start(kept, names)


def _refuse_changed(state: EndpointState, name: str, revision: str) -> None:
    current = state.deployments.get(name)
    if current is None or current.revision != revision:
        raise Busy(
            f"deployment {state.name}/{name} changed while replicas were added to it", remedy="Run the same again."
        )


def _birth() -> str:
    me = identity_of(os.getpid())
    return me.started if me else ""


def _abandon(target: LocalTarget, file: EndpointFile, names: tuple[str, ...]) -> None:
    """Stop replicas that did not come into service, and forget them."""
    with file.lock():
        state = file.must_load()
        state = file.save(replace(state, starting=tuple(s for s in state.starting if s.program not in names)))
        replicas.remove(target, [name for name in names if name not in state.programs()])


def _state_of(wish: Wish, revision: str, serving: tuple[Replica, ...]) -> DeploymentState:
    facts = {
        "model": dict(wish.model) if wish.model else None,
        "models": [f"{one['name']}@{one['version']}" for one in (wish.model, wish.code) if one],
        "environment": wish.environment,
        "connections": sorted(set(wish.connections.values())),
        "identity": wish.identity,
        "inputs": dict(wish.inputs),
    }
    backend = gateways.backend_of(wish, tuple(replica.port for replica in serving))
    contents = tuple(one["contentHash"] for one in (wish.model, wish.code) if one)
    return DeploymentState(wish.name, revision, serving, backend, contents, frozen_map(facts))


def _switch(target: LocalTarget, file: EndpointFile, deployment: DeploymentState, *, added: bool) -> None:
    """Send new requests to the new replicas in one step; where that fails, what served before serves on."""
    target.report("switching")
    with file.lock():
        before = file.must_load()
        if added:
            _refuse_changed(before, deployment.name, deployment.revision)
        after = file.save(before.with_deployment(deployment))
        try:
            gateways.apply(target, after)
            gateways.wait_healthy(target, after.name, deployment.backend)
        except SluiceError:
            gateways.apply(target, file.save(before))
            raise


def _unused(leaving: Iterable[Replica], state: EndpointState) -> list[str]:
    used = state.programs()
    return [replica.program for replica in leaving if replica.program not in used]
