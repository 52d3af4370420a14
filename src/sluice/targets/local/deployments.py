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

from sluice.errors import SluiceError, TrafficRefused
from sluice.spec.frozen import frozen_map
from sluice.targets.local import gateways, replicas
from sluice.targets.local.processes.identity import ProcessIdentity, alive, identity_of
from sluice.targets.local.secrets import read_connections
from sluice.targets.local.state import DeploymentState, EndpointFile, EndpointState, Replica, Starting, running_contents
from sluice.targets.local.target import LocalTarget
from sluice.targets.local.usage import refuse_named_in_traffic
from sluice.targets.local.wish import Wish, program_names, replicas_to_keep, revision_of

# Longer than any request may last (300 s), so that draining never cuts an answer short.
DRAIN_S = 330.0


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
    """
    credentials = read_connections(target, wish.identity, wish.connections)
    revision = revision_of(wish, credentials)
    file = target.endpoint(wish.endpoint)
    start = _announce(target, file, wish, revision)
    try:
        fresh = replicas.start(target, wish, start.names, credentials)
        replicas.wait_ready(target, wish, fresh, start.kept)
        deployment = _state_of(wish, revision, (*start.kept, *fresh))
        _switch(target, file, deployment)
    except BaseException:
        _abandon(target, file, start.names)
        raise
    finish_draining(target, file)
    return deployment


def remove(target: LocalTarget, endpoint: str, name: str) -> None:
    """Take a deployment out of service, drain it, stop it. One that is gone is no error.

    Raises TrafficRefused while it has weight or mirrored traffic.
    """
    file = target.endpoint(endpoint)
    with file.lock():
        state = file.load()
        if state is None or name not in state.deployments:
            return
        refuse_while_it_has_traffic(state, name)
        refuse_named_in_traffic(state, name)
        target.report("draining")
        gateways.apply(target, file.save(state.without_deployment(name)))
    finish_draining(target, file)


def refuse_while_it_has_traffic(state: EndpointState, name: str) -> None:
    """Raise TrafficRefused when a deployment has weight or mirrored traffic."""
    weight, share = state.routing.weights.get(name, 0), state.routing.mirror.get(name, 0)
    if weight or share:
        found = f"{weight} % of the traffic" if weight else f"{share} % mirrored traffic"
        raise TrafficRefused(
            f"deployment {name} of endpoint {state.name} has {found}: removing it would lose requests",
            remedy=f"Move the traffic first: sluice traffic set OTHER=100 {name}=0 --endpoint {state.name}",
        )


def finish_draining(target: LocalTarget, file: EndpointFile) -> None:
    """Wait until nothing is in flight to what drains, then stop it and forget it."""
    with file.lock():
        state = file.load()
    for leaving in state.draining if state else ():
        gateways.wait_drained(target, file.must_load(), leaving.backend, DRAIN_S)
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


def _announce(target: LocalTarget, file: EndpointFile, wish: Wish, revision: str) -> _Start:
    """Write down which programs are about to start, before any does."""
    with file.lock():
        state = recover(target, file, file.must_load())
        running = replicas.running(target, wish.endpoint)
        kept = replicas_to_keep(state.deployments.get(wish.name), revision, wish.instance_count, running)
        names = tuple(islice(program_names(wish, state.programs()), wish.instance_count - len(kept)))
        starting = tuple(Starting(name, os.getpid(), _birth()) for name in names)
        file.save(replace(state, starting=(*state.starting, *starting)))
    return _Start(kept, names)


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


def _switch(target: LocalTarget, file: EndpointFile, deployment: DeploymentState) -> None:
    """Send new requests to the new replicas in one step; where that fails, what served before serves on."""
    target.report("switching")
    with file.lock():
        before = file.must_load()
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
