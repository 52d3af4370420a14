"""Live weights of an endpoint on this machine, and who may change them while a rollout is open."""

from __future__ import annotations

from dataclasses import replace

from sluice.errors import Busy, SluiceError
from sluice.targets.local import gateways
from sluice.targets.local.state import EndpointState
from sluice.targets.local.target import LocalTarget
from sluice.traffic.router import Routing, check_routing


def set_routing(target: LocalTarget, endpoint: str, routing: Routing, walk: str = "") -> EndpointState:
    """Set weights, mirror traffic and cohort; return when every new request follows them.

    `walk` is the rollout on whose behalf they are set. Raises Busy unless it is the one that is open: nobody changes
    weights under a rollout, and one that has ended changes none any more. Raises TrafficRefused for weights that
    can't be, GatewayFailed when Envoy does not take them; then the old weights are live.
    """
    file = target.endpoint(endpoint)
    with file.lock():
        state = file.must_load()
        _refuse_unless_open(state, walk)
        check_routing(routing, state.deployments, endpoint)
        # Written down first: a kill in between leaves the old weights live and the new ones to be applied.
        changed = file.save(replace(state, routing=routing))
        try:
            gateways.apply(target, changed)
        except SluiceError:
            gateways.put_back(target, file.save(state))
            raise
        return changed


def open_walk(target: LocalTarget, endpoint: str, walk: str) -> None:
    """Let nobody but this rollout change weights; doing it twice changes nothing. Raises Busy while another is open."""
    file = target.endpoint(endpoint)
    with file.lock():
        state = file.must_load()
        if state.walk and state.walk != walk:
            raise _busy(state)
        file.save(replace(state, walk=walk))


def close_walk(target: LocalTarget, endpoint: str, walk: str) -> None:
    """Let others change weights again. One that is not open, or an endpoint that is gone, is no error."""
    file = target.endpoint(endpoint)
    with file.lock():
        state = file.load()
        if state is not None and state.walk == walk:
            file.save(replace(state, walk=""))


def close(target: LocalTarget, endpoint: str) -> None:
    """Take all weights away, and end a rollout that is open; an endpoint that is gone has none.

    For an endpoint that is being taken down: what is left of the rollout can't set weights any more.
    """
    file = target.endpoint(endpoint)
    with file.lock():
        state = file.load()
        if state is not None:
            state = file.save(replace(state, routing=Routing(), walk=""))
            gateways.apply(target, state)


def _refuse_unless_open(state: EndpointState, walk: str) -> None:
    if state.walk == walk:
        return
    if state.walk:
        raise _busy(state)
    raise Busy(
        f"rollout {walk} of endpoint {state.name} has ended: it changes no weights any more",
        remedy=f"See what came of it: sluice rollout history --endpoint {state.name}",
    )


def _busy(state: EndpointState) -> Busy:
    return Busy(
        f"endpoint {state.name} has an open rollout ({state.walk}), which alone changes its weights",
        remedy=(
            f"See it: sluice rollout status --endpoint {state.name}."
            f" Give it up: sluice rollout abort --endpoint {state.name}"
        ),
    )
