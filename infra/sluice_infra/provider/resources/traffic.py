"""Traffic: the live weights of an endpoint. Its state is what is live, whoever changed it."""

from __future__ import annotations

from sluice.spec.frozen import frozen_map
from sluice.targets.local import gateways, traffic
from sluice.traffic.router import Routing
from sluice.traffic.weights import left_alone
from sluice_infra.provider.handler import Context, Handler, Live
from sluice_infra.provider.resources.endpoint import target_of
from sluice_infra.provider.values import Plain


class TrafficHandler(Handler):
    """Weights and mirror traffic of one endpoint."""

    inputs = ("endpoint", "weights", "mirror", "deployments")
    replace = frozenset({"endpoint"})

    def filled(self, old: Plain, new: Plain) -> Plain:
        """Leave the live weights alone where no specification has any."""
        if new["weights"] is not None:
            return {}
        existing = new["deployments"] or []
        return {"weights": dict(left_alone(old.get("weights") or {}, existing, new["endpoint"]))}

    def create(self, context: Context, inputs: Plain) -> tuple[str, Plain]:
        """Set the weights."""
        routing = Routing(frozen_map(inputs["weights"] or {}), frozen_map(inputs["mirror"] or {}))
        context.report(_words(routing))
        traffic.set_routing(target_of(context), inputs["endpoint"], routing)
        return inputs["endpoint"], inputs

    def read(self, context: Context, identifier: str, state: Plain) -> Live | None:
        """Return the weights that are live, as inputs too: a preview then shows `blue: 50 => 20`."""
        target = target_of(context)
        if target.endpoint(identifier).load() is None:
            return None
        routing = gateways.router(target, identifier).read()
        named = set(state.get("weights") or {})
        weights = {name: weight for name, weight in routing.weights.items() if weight or name in named}
        live = {"endpoint": identifier, "weights": weights, "mirror": dict(routing.mirror)}
        return Live(live | {"deployments": state.get("deployments")})

    def update(self, context: Context, identifier: str, state: Plain, inputs: Plain) -> Plain:
        """Set the weights."""
        del identifier, state
        return self.create(context, inputs)[1]

    def delete(self, context: Context, identifier: str, state: Plain) -> None:
        """Close the endpoint to live traffic."""
        del state
        traffic.close(target_of(context), identifier)


def _words(routing: Routing) -> str:
    return " ".join(f"{name}={weight}" for name, weight in sorted(routing.weights.items())) or "no traffic"
