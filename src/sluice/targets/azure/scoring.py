"""Asking an endpoint: what opens its door, and the request."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from sluice.errors import SluiceError, Unsupported

_TIMEOUT_S: Final = 310.0
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
# "HTTP status codes for online endpoints" (troubleshooting).
_HINTS: Final = {
    401: "The key or token is not this endpoint's, or has ended.",
    403: "The caller's network or role may not reach the endpoint: it may have no public access.",
    404: "No deployment of that name takes requests, or the path is none of its routes.",
    408: "The deployment took longer than `request_timeout_ms`.",
    424: "The model itself answered with an error: sluice logs.",
    429: "More requests at once than 2 x max_concurrent_requests_per_instance x instances, or a limit of the endpoint.",
    500: "Azure's own part failed: try again.",
    503: "No instance is ready: sluice status.",
}


@dataclass(frozen=True)
class Answer:
    """What an endpoint answered, the deployment that did as far as it says, and how long it took."""

    status: int
    text: str
    deployment: str | None
    seconds: float

    @property
    def hint(self) -> str:
        """Return what a status means; empty for one that needs no word."""
        return _HINTS.get(self.status, "")


@dataclass(frozen=True)
class Door:
    """Where an endpoint is asked and with what. `kubernetes`: its address may be plain http, inside a network."""

    name: str
    uri: str
    credential: str = field(repr=False)
    kubernetes: bool = False


def ask(door: Door, body: bytes, deployment: str | None) -> Answer:
    """Send a JSON request. Raises SluiceError where nobody answers, Unsupported for an address in the open."""
    import requests

    _refuse_open(door)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {door.credential}"}
    headers |= {"azureml-model-deployment": deployment} if deployment else {}
    started = time.monotonic()
    try:
        answer = requests.post(door.uri, body, headers=headers, timeout=_TIMEOUT_S, allow_redirects=False)
    except requests.RequestException as error:
        raise SluiceError(
            f"endpoint {door.name} does not answer at {door.uri} ({type(error).__name__})",
            remedy="Look: sluice status. Without public access it is reached from its own network only.",
        ) from None
    who = answer.headers.get("azureml-model-deployment")
    return Answer(answer.status_code, answer.text, who, time.monotonic() - started)


def _refuse_open(door: Door) -> None:
    where = urlsplit(door.uri)
    if where.scheme == "https" or where.hostname in _LOOPBACK or (where.scheme == "http" and door.kubernetes):
        return
    raise Unsupported(
        f"endpoint {door.name} says that it is at {door.uri or 'no address'}: its key is not sent there",
        remedy="Look: sluice status. A new endpoint has its address once it is made.",
    )
