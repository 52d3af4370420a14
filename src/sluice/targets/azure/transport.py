"""Requests and answers as data, and who sends them.

`requests` sends: azure-identity stands on it (through msal and azure-core), so that it is there wherever a login is;
it reads proxies and certificates of a company's network from where all of Azure's Python tools read them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from sluice.spec.frozen import frozen_map


@dataclass(frozen=True)
class Request:
    """One HTTP request. Headers hold a token, bodies may hold secrets: neither is ever shown."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=frozen_map, repr=False)
    body: Any = field(default=None, repr=False)


@dataclass(frozen=True)
class Response:
    """One answer; names of headers are in lower case. `body` is JSON; None where there is none."""

    status: int
    headers: Mapping[str, str] = field(default_factory=frozen_map)
    body: Any = field(default=None, repr=False)


class NoAnswer(Exception):
    """The connection failed or broke; nobody knows whether the request was carried out."""


class Send(Protocol):
    """Sends one request, once."""

    def __call__(self, request: Request) -> Response:
        """Return the answer. Raises NoAnswer."""
        ...


@dataclass
class HttpSend:
    """Sends over HTTP, with connections kept open. `timeout_s` is for connecting and for each pause while reading."""

    timeout_s: float = 60.0
    _session: Any = field(default=None, repr=False)

    def __call__(self, request: Request) -> Response:
        """Return the answer. Raises NoAnswer."""
        import requests

        self._session = self._session or requests.Session()
        try:
            answer = self._session.request(
                request.method,
                request.url,
                headers=dict(request.headers),
                json=request.body,
                timeout=self.timeout_s,
                allow_redirects=False,  # a token goes nowhere but where it is meant to go
            )
        except requests.RequestException as error:
            raise NoAnswer(type(error).__name__) from None
        headers = frozen_map({name.lower(): value for name, value in answer.headers.items()})
        return Response(answer.status_code, headers, _json(answer))


def _json(answer: Any) -> Any:
    try:
        return answer.json() if answer.content else None
    except ValueError:
        return None
