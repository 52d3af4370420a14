"""Live weights of an endpoint on this machine."""

from __future__ import annotations

from dataclasses import replace

from sluice.errors import SluiceError
from sluice.targets.local import gateways
from sluice.targets.local.state import EndpointState
from sluice.targets.local.target import LocalTarget
from sluice.traffic.router import Routing
from sluice.traffic.weights import check_mirror, check_weights


def set_routing(target: LocalTarget, endpoint: str, routing: Routing) -> EndpointState:
    """Set weights and mirror traffic; return when every new request follows them.

    Raises TrafficRefused for weights that can't be, GatewayFailed when Envoy does not take them; then the
    old weights are live.
    """
    file = target.endpoint(endpoint)
    with file.lock():
        state = file.must_load()
        check_weights(routing.weights, state.deployments, endpoint)
        check_mirror(routing.mirror, routing.weights, state.deployments, endpoint)
        # Written down first: a kill in between leaves the old weights live and the new ones to be applied.
        changed = file.save(replace(state, routing=routing))
        try:
            gateways.apply(target, changed)
        except SluiceError:
            file.save(state)
            raise
        return changed


def close(target: LocalTarget, endpoint: str) -> None:
    """Take all weights away; an endpoint that is gone has none."""
    file = target.endpoint(endpoint)
    with file.lock():
        state = file.load()
        if state is not None:
            state = file.save(replace(state, routing=Routing()))
            gateways.apply(target, state)
