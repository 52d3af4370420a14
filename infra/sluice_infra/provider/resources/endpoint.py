"""Endpoint: a port with an Envoy behind it, and the keys that open it."""

from __future__ import annotations

from collections.abc import Iterator

from sluice.targets.local import deployments, endpoints, gateways
from sluice.targets.local.state import EndpointState
from sluice.targets.local.target import LocalTarget
from sluice_infra.provider.handler import Context, Handler, Live
from sluice_infra.provider.values import Plain


class EndpointHandler(Handler):
    """An online endpoint on this machine."""

    inputs = ("name", "authMode", "port", "description", "tags", "properties", "identities")
    replace = frozenset({"name"})
    secrets = frozenset({"primaryKey", "secondaryKey"})
    computed = ("url", "primaryKey", "secondaryKey")

    def create(self, context: Context, inputs: Plain) -> tuple[str, Plain]:
        """Open the endpoint."""
        opened = endpoints.create(target_of(context), inputs["name"], *_wishes(inputs))
        return inputs["name"], _properties(opened, inputs)

    def read(self, context: Context, identifier: str, state: Plain) -> Live | None:
        """Return the endpoint; a gateway that is down is told as such."""
        target = target_of(context)
        live = target.endpoint(identifier).load()
        if live is None:
            return None
        known = {key: state.get(key) for key in self.inputs} | {"name": live.name, "authMode": live.auth_mode}
        return Live(_properties(live, known), tuple(_unwell(target, live)))

    def update(self, context: Context, identifier: str, state: Plain, inputs: Plain) -> Plain:
        """Change the endpoint where it stands; bring its gateway back up if it is down."""
        del state
        return _properties(endpoints.update(target_of(context), identifier, *_wishes(inputs)), inputs)

    def delete(self, context: Context, identifier: str, state: Plain) -> None:
        """Close the endpoint."""
        del state
        endpoints.remove(target_of(context), identifier)


def target_of(context: Context) -> LocalTarget:
    """Return the local target a call is about."""
    return LocalTarget(context.paths, context.report, context.cancelled)


def _unwell(target: LocalTarget, live: EndpointState) -> Iterator[str]:
    if not gateways.router(target, live.name).admin.ready():
        yield "its gateway does not answer"
    elif not gateways.follows(target, live):
        yield "its gateway does not do what was last decided"
    if live.draining or deployments.abandoned(live):
        yield "a change was cut short: replicas are left over"
    if not target.supervisor.alive():
        yield "the process supervisor is gone: nothing would restart what keeps its processes"


def _wishes(inputs: Plain) -> tuple[str, int | None, tuple[str, ...]]:
    return inputs["authMode"], inputs["port"], tuple(inputs["identities"] or ())


def _properties(state: EndpointState, inputs: Plain) -> Plain:
    live = {"url": f"http://127.0.0.1:{state.port}/score", "authMode": state.auth_mode}
    return inputs | live | {"primaryKey": state.primary, "secondaryKey": state.secondary}
