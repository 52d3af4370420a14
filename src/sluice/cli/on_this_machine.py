"""Operations on endpoints of this machine."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from sluice.cli.common import Answer, LogsAsked, chosen_endpoint
from sluice.errors import NotFound, SluiceError, Unsupported, UsageError
from sluice.spec.frozen import frozen_map
from sluice.targets.local.endpoints import mint_token, refuse_keyless, regenerate_key
from sluice.targets.local.state import EndpointState, endpoints_of
from sluice.targets.local.target import LocalTarget
from sluice.traffic.router import Routing

_TOKEN_S: Final = 12 * 3600


@dataclass(frozen=True)
class OnThisMachine:
    """A stack on this machine; a `sluice.cli.common.Service`."""

    stack: str
    target: LocalTarget

    @property
    def nothing(self) -> str:
        """Return what is said where the stack has no endpoint."""
        return f"stack {self.stack} has no endpoint on this machine; make it: sluice up --stack {self.stack}"

    def chosen(self, name: str | None) -> str:
        """Return the named endpoint, or the only one. Raises NotFound, UsageError."""
        return chosen_endpoint(self.target, name).name

    def ask(self, endpoint: str, body: bytes, deployment: str | None) -> Answer:
        """Send a request. Raises NotFound, SluiceError."""
        state = chosen_endpoint(self.target, endpoint)
        if deployment and deployment not in state.deployments:
            raise NotFound(f"deployment {deployment} does not exist; found: {', '.join(state.deployments) or 'none'}")
        return _asked(state, body, deployment)

    def routing(self, endpoint: str) -> Routing:
        """Return the live weights; 0 for a deployment without. Raises NotFound."""
        state = chosen_endpoint(self.target, endpoint)
        weights = dict.fromkeys(state.deployments, 0) | dict(state.routing.weights)
        return replace(state.routing, weights=frozen_map(weights))

    def keys(self, endpoint: str) -> tuple[str, str]:
        """Return both keys. Raises Unsupported."""
        state = chosen_endpoint(self.target, endpoint)
        refuse_keyless(state)
        return state.primary, state.secondary

    def regenerate(self, endpoint: str, key: Literal["primary", "secondary"]) -> None:
        """Replace one key at once. Raises Unsupported."""
        regenerate_key(self.target, endpoint, key)

    def token(self, endpoint: str, lifetime_s: int | None) -> tuple[str, float]:
        """Return a token, of 12 hours unless told. Raises Unsupported."""
        return mint_token(chosen_endpoint(self.target, endpoint), time.time(), lifetime_s or _TOKEN_S)

    def logs(self, endpoint: str, asked: LogsAsked) -> Iterator[str]:
        """Yield lines of replicas. Raises NotFound, UsageError."""
        from sluice.cli.local_logs import followed, replicas

        if asked.container:
            raise UsageError("a replica on this machine has one log", remedy="Leave --container out.")
        names = replicas(chosen_endpoint(self.target, endpoint), asked.deployment, asked.replica)
        for name in names:
            yield from (f"{name}  {line}" for line in self.target.supervisor.log_tail(name, asked.tail))
        if asked.follow:
            yield from followed(self.target, names)

    def listed(self) -> list[dict[str, Any]]:
        """Return every endpoint in short."""
        return [_short(one) for one in self.described(None, metrics=False)]

    def described(self, name: str | None, *, metrics: bool) -> list[dict[str, Any]]:
        """Return endpoints as `status --json` gives them. Raises NotFound, Unsupported."""
        from sluice.cli.local_status import describe

        if metrics:
            raise Unsupported(
                "the gateway on this machine keeps no metrics of half an hour",
                remedy="A rollout's metrics: sluice rollout status. What is live now: sluice status.",
            )
        states = (chosen_endpoint(self.target, name),) if name else endpoints_of(self.target.paths)
        return [describe(self.target, state) for state in states]

    def shown(self, described: Mapping[str, Any]) -> str:
        """Return a described endpoint as text."""
        from sluice.cli.local_status import text

        return text(described)


def _short(one: Mapping[str, Any]) -> dict[str, Any]:
    healthy = all(deployment["state"] == "healthy" for deployment in one["deployments"])
    state = {"state": "healthy" if healthy else "unhealthy"}
    traffic = {name: weight for name, weight in one["traffic"].items() if weight}
    return {key: one[key] for key in ("name", "url", "auth_mode")} | state | {"traffic": traffic}


def _asked(state: EndpointState, body: bytes, deployment: str | None) -> Answer:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {_credential(state)}"}
    if deployment:
        headers["azureml-model-deployment"] = deployment
    started = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", state.port, timeout=310)
    try:
        connection.request("POST", "/score", body, headers)
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        message = f"endpoint {state.name} does not answer on port {state.port} ({error})"
        raise SluiceError(message, remedy="Look: sluice status; mend: sluice up") from None
    finally:
        connection.close()
    return Answer(answer.status, text, answer.getheader("azureml-model-deployment"), time.monotonic() - started)


def _credential(state: EndpointState) -> str:
    """Return what opens the door: the primary key, or a token of a minute."""
    return state.primary if state.auth_mode == "key" else mint_token(state, time.time(), 60)[0]
