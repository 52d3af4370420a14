"""Traffic: the live weights of an endpoint. Its state is what is live, whoever changed it."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from sluice.spec.frozen import frozen_map
from sluice.targets.local import gateways, traffic
from sluice.targets.local.target import LocalTarget
from sluice.traffic.router import Routing
from sluice.traffic.weights import left_alone
from sluice_infra.provider.handler import Context, Handler, Live, PartlyFailed
from sluice_infra.provider.resources.endpoint import target_of
from sluice_infra.provider.values import Plain

if TYPE_CHECKING:
    from sluice.rollout.models import State
    from sluice.rollout.release import Released

DETACH = "SLUICE_ROLLOUT_DETACH"
WHO = "SLUICE_WHO"
_LOG_LINES, _LOG_LOOKED_AT = 8, 400
_TELLING = re.compile(r"error|exception|traceback|failed|fatal|refused| E \[", re.IGNORECASE)


class TrafficHandler(Handler):
    """Weights and mirror traffic of one endpoint; with a rollout, walked to and not set.

    `walk` is where the endpoint's rollout stands: phase, step, why, who and since when; null where there was none.
    """

    inputs = ("endpoint", "weights", "mirror", "deployments", "rollout", "rolloutSecrets")
    replace = frozenset({"endpoint"})
    secrets = frozenset({"rolloutSecrets"})
    computed = ("walk",)

    def filled(self, old: Plain, new: Plain) -> Plain:
        """Leave the live weights alone where no specification has any."""
        if new["weights"] is not None:
            return {}
        existing = new["deployments"] or []
        return {"weights": dict(left_alone(old.get("weights") or {}, existing, new["endpoint"]))}

    def create(self, context: Context, inputs: Plain) -> tuple[str, Plain]:
        """Set the weights, or walk to them."""
        endpoint, target = inputs["endpoint"], target_of(context)
        if inputs["rollout"] is None:
            context.report(_words(_routing(inputs)))
            traffic.set_routing(target, endpoint, _routing(inputs))
            return endpoint, inputs | {"walk": None}
        return endpoint, self._released(context, target, inputs)

    def read(self, context: Context, identifier: str, state: Plain) -> Live | None:
        """Return the weights that are live, as inputs too: a preview then shows `blue: 50 => 20`."""
        target = target_of(context)
        if target.endpoint(identifier).load() is None:
            return None
        return Live(_live(target, identifier, state))

    def update(self, context: Context, identifier: str, state: Plain, inputs: Plain) -> Plain:
        """Set the weights, or walk to them."""
        del identifier, state
        return self.create(context, inputs)[1]

    def delete(self, context: Context, identifier: str, state: Plain) -> None:
        """Close the endpoint to live traffic, and end its rollout."""
        from sluice.rollout.local import dismiss

        del state
        target = target_of(context)
        dismiss(target, identifier)
        traffic.close(target, identifier)

    def _released(self, context: Context, target: LocalTarget, inputs: Plain) -> Plain:
        from sluice.rollout.release import Goal, Standing, release

        endpoint = inputs["endpoint"]
        secrets = frozen_map(inputs["rolloutSecrets"] or {})
        goal = Goal(endpoint, _routing(inputs), inputs["rollout"], secrets, os.environ.get(WHO, ""))
        released = release(target, goal, detach=bool(os.environ.get(DETACH)))
        live = inputs | _live(target, endpoint, inputs)
        if released.standing is Standing.FAILED:
            raise PartlyFailed(endpoint, live, (_failure(target, endpoint, released),))
        if released.standing is not Standing.REACHED:
            context.warn(released.says)
        return live


def _routing(inputs: Plain) -> Routing:
    return Routing(frozen_map(inputs["weights"] or {}), frozen_map(inputs["mirror"] or {}))


def _live(target: LocalTarget, endpoint: str, state: Plain) -> Plain:
    routing = gateways.router(target, endpoint).read()
    named = set(state.get("weights") or {})
    weights = {name: weight for name, weight in routing.weights.items() if weight or name in named}
    kept = {key: state.get(key) for key in ("deployments", "rollout", "rolloutSecrets")}
    return {"endpoint": endpoint, "weights": weights, "mirror": dict(routing.mirror), **kept} | _walk(target, endpoint)


def _walk(target: LocalTarget, endpoint: str) -> Plain:
    """Return where the endpoint's rollout stands: the log is the truth of it, the state adopts it."""
    if not target.paths.rollout(endpoint).exists():
        return {"walk": None}
    from sluice.rollout.local import folder_of

    walk = folder_of(target, endpoint).read()
    if walk is None:
        return {"walk": None}
    state = walk.state
    told = {"phase": str(state.phase), "step": state.step + 1, "steps": len(state.walk.steps), "says": state.says}
    return {"walk": told | {"who": walk.started.who, "began": walk.started.state.clock, "id": walk.started.id}}


def _failure(target: LocalTarget, endpoint: str, released: Released) -> str:
    """Return why a walk was given up: cause and numbers, the new deployment's last words, what to do next."""
    from sluice.rollout.local import last_words

    state = released.state
    if state is None:
        return released.says
    walk = state.walk
    silent = _indented(_silent(target, endpoint, released.says))
    lines = _telling(last_words(target, endpoint, walk.green, _LOG_LOOKED_AT))
    words = f"\n  last lines of {walk.green}:{_indented(lines)}" if lines else ""
    return (
        f"the rollout of {walk.green} was {str(state.phase).replace('_', ' ')} in step {state.step + 1} of"
        f" {len(walk.steps)}: {released.says}{silent}\n  {_where(state)}{words}\n  {_next(endpoint, state)}"
    )


def _silent(target: LocalTarget, endpoint: str, says: str) -> tuple[str, ...]:
    """Return why there was no reading of the metrics of which `says` tells that there was none."""
    from sluice.rollout.local import folder_of

    walk = folder_of(target, endpoint).read()
    return tuple(why for name, why in (walk.troubles if walk else {}).items() if f"{name}: no reading" in says)


def _where(state: State) -> str:
    if state.phase == "held":
        return "the weights are held where they are"
    return f"{' '.join(f'{name}={weight}' for name, weight in state.walk.stable.items() if weight)} is live again"


def _next(endpoint: str, state: State) -> str:
    held = state.phase == "held"
    see = f"See all: sluice rollout {'status' if held else 'history'} --endpoint {endpoint}"
    back = f"go back: sluice rollout abort --endpoint {endpoint}"
    return (
        f"{see}; {back if held else f'mend {state.walk.green} and run up again'}, or try the same again:"
        f" sluice rollout retry --endpoint {endpoint}"
    )


def _indented(lines: tuple[str, ...]) -> str:
    return "".join(f"\n    {line}" for line in lines)


def _telling(lines: tuple[str, ...]) -> tuple[str, ...]:
    """Return the last lines that speak of a fault, or the last ones where none does."""
    return tuple(line for line in lines if _TELLING.search(line))[-_LOG_LINES:] or lines[-_LOG_LINES:]


def _words(routing: Routing) -> str:
    return " ".join(f"{name}={weight}" for name, weight in sorted(routing.weights.items())) or "no traffic"
