"""What is ours of a stack on Azure: uploads, and the live weights of an endpoint. All else is Pulumi's azure-native.

The weights of an endpoint on Azure are a type of their own, `sluice:index:AzureTraffic`, not another form of `Traffic`:
a stack whose target changes must close the one and open the other, and with one type Pulumi would take the change for
an update of a thing that exists, of which nothing does on the other target.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sluice.errors import Interrupted, NotFound
from sluice.spec.frozen import frozen_map
from sluice.traffic.router import Routing
from sluice.traffic.weights import left_alone
from sluice_infra.provider.handler import Context, Handler, Live
from sluice_infra.provider.values import Plain

if TYPE_CHECKING:
    # Imported where it is used: the handlers of the local target need none of it.
    from sluice.targets.azure.arm import ArmClient
    from sluice.targets.azure.router import AzureRouter

_SLICE_S: Final = 0.2


class UploadHandler(Handler):
    """Files in a datastore, at a place that their content names. They stay when the resource goes: versions of models
    and code that point to them stay, too. So a read looks at nothing, and asks for no secret of the storage.
    """  # noqa: D205 - one thought

    inputs = ("workspace", "datastore", "path", "sha256", "place")
    replace = frozenset({"workspace", "datastore", "sha256", "place"})
    computed = ("url",)

    def create(self, context: Context, inputs: Plain) -> tuple[str, Plain]:
        """Upload what is not there yet."""
        from sluice.targets.azure.cloud import Cloud, login
        from sluice.targets.azure.uploads import Upload, Uploader

        path = (context.root / inputs["path"]).resolve()
        upload = Upload(inputs["workspace"], inputs["datastore"], path, inputs["sha256"], inputs["place"])
        uploader = Uploader(_arm(context), Cloud.of(os.environ), login(), context.root, context.report)
        url = uploader.put(upload)
        return f"{inputs['workspace']}/datastores/{inputs['datastore']}/{inputs['place']}", inputs | {"url": url}

    def read(self, context: Context, identifier: str, state: Plain) -> Live | None:
        """Return what is known; none on import, since nothing says where on this machine the files are."""
        del context, identifier
        return Live(state) if state.get("url") else None

    def update(self, context: Context, identifier: str, state: Plain, inputs: Plain) -> Plain:
        """Take note of another path here: the same content is at the same place there."""
        del context, identifier
        return state | inputs

    def delete(self, context: Context, identifier: str, state: Plain) -> None:
        """Leave the files where they are."""
        del context, identifier, state


class AzureTrafficHandler(Handler):
    """Weights and mirror traffic of one endpoint on Azure. `trigger` changes with the endpoint itself, whose update
    may have taken the weights back: they are then looked at again.
    """  # noqa: D205 - one thought

    inputs = ("id", "endpoint", "weights", "mirror", "deployments", "trigger")
    replace = frozenset({"id", "endpoint"})

    def filled(self, old: Plain, new: Plain) -> Plain:
        """Leave the live weights alone where no specification has any."""
        if new["weights"] is not None:
            return {}
        return {"weights": dict(left_alone(old.get("weights") or {}, new["deployments"] or [], new["endpoint"]))}

    def create(self, context: Context, inputs: Plain) -> tuple[str, Plain]:
        """Set the weights, at once, and return when they were read back.

        A deployment that an earlier run, cut short, has left in the making is waited for.
        """
        routing = Routing(frozen_map(inputs["weights"] or {}), frozen_map(inputs["mirror"] or {}))
        router = _router(context, inputs["id"])
        for name in _weighted({**routing.weights, **routing.mirror}):
            context.report(f"looking whether {name} is ready")
            router.arm.settled(f"{router.endpoint_id}/deployments/{name}")
        context.report(_words(routing.weights))
        router.set(routing)
        return inputs["id"], inputs

    def read(self, context: Context, identifier: str, state: Plain) -> Live | None:
        """Return the weights that are live, as inputs too; what somebody else has changed meanwhile is told."""
        try:
            routing = _router(context, identifier).read()
        except NotFound:
            return None
        named = set(state.get("weights") or {})
        weights = {name: weight for name, weight in routing.weights.items() if weight or name in named}
        live = {"weights": weights, "mirror": dict(routing.mirror)}
        if state.get("weights") is not None and _differ(state, live):
            context.warn(
                f"its weights were changed elsewhere (portal, az, another stack): {_words(weights)} is live, this stack"
                f" set {_words(state['weights'])}"
            )
        known = {key: state.get(key) for key in ("deployments", "trigger")}
        return Live({"id": identifier, "endpoint": identifier.rpartition("/")[2], **live, **known})

    def update(self, context: Context, identifier: str, state: Plain, inputs: Plain) -> Plain:
        """Set the weights."""
        del identifier, state
        return self.create(context, inputs)[1]

    def delete(self, context: Context, identifier: str, state: Plain) -> None:
        """Close the endpoint; one that is gone is closed."""
        del state
        try:
            _router(context, identifier).set(Routing())
        except NotFound:
            return


@dataclass(frozen=True)
class _EngineClock:
    """Wall time whose waits end when the engine asks calls to stop."""

    cancelled: Callable[[], bool]

    def now(self) -> float:
        """Return seconds since 1970."""
        return time.time()

    def wait(self, seconds: float) -> None:
        """Wait. Raises Interrupted."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self.cancelled():
                raise Interrupted(
                    "stopped while Azure was at work; what was begun there goes on",
                    remedy="The next `sluice up` waits for it and goes on.",
                )
            time.sleep(min(left, _SLICE_S))


def _arm(context: Context) -> ArmClient:
    from sluice.targets.azure.cloud import Cloud, connect

    return connect(Cloud.of(os.environ), _EngineClock(context.cancelled), context.report)


def _router(context: Context, endpoint_id: str) -> AzureRouter:
    from sluice.targets.azure.router import AzureRouter

    return AzureRouter(_arm(context), endpoint_id)


def _differ(state: Plain, live: Plain) -> bool:
    return any(_weighted(state.get(key)) != _weighted(live[key]) for key in ("weights", "mirror"))


def _weighted(shares: Plain | None) -> Plain:
    return {name: weight for name, weight in (shares or {}).items() if weight}


def _words(weights: Mapping[str, int]) -> str:
    return " ".join(f"{name}={weight}" for name, weight in sorted(weights.items())) or "no traffic"
