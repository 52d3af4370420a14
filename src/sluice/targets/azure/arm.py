"""A small client of Azure Resource Manager: read, write, list, and wait for what takes long.

Resources are named by their ARM ids; the version of the API follows from the provider in the id.
"""

from __future__ import annotations

import re
import uuid
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from sluice.targets.azure.credentials import Credential, Tokens, object_id
from sluice.targets.azure.errors import AzureFailed
from sluice.targets.azure.operations import Operation, begun, seen, settled
from sluice.targets.azure.patience import Clock, Patience, WallClock, pause, poll_pause
from sluice.targets.azure.refusals import named, operation_failed, refusal
from sluice.targets.azure.transport import HttpSend, NoAnswer, Request, Response, Send

PUBLIC_CLOUD: Final = "https://management.azure.com"
API_VERSIONS: Final = {
    "microsoft.machinelearningservices": "2025-12-01",
    "microsoft.authorization": "2022-04-01",
    "microsoft.managedidentity": "2023-01-31",
    "microsoft.containerregistry": "2023-07-01",
    "microsoft.storage": "2023-05-01",
    "microsoft.keyvault": "2023-07-01",
    "microsoft.insights": "2018-01-01",
}
_RESOURCES: Final = "2021-04-01"
_CLAIMS = re.compile(r'claims="(?P<claims>[^"]+)"')


@dataclass(frozen=True)
class Read:
    """A resource as it is, and its ETag where the service gives one."""

    body: dict[str, Any]
    etag: str | None = None


@dataclass
class ArmClient:
    """Talks to ARM as one login.

    Every call raises AzureLogin, AccessDenied, NotFound or AzureFailed; what passes by itself (throttling, failures of
    the service, lost connections) is tried again within `patience`.

    Attributes:
        credential: the login; None for whatever there is.
        base: ARM's address.
        report: takes a line a step of what takes long.
    """

    credential: Credential | None = field(default=None, repr=False)
    base: str = PUBLIC_CLOUD
    send: Send = field(default_factory=HttpSend)
    clock: Clock = field(default_factory=WallClock)
    patience: Patience = field(default_factory=Patience)
    report: Callable[[str], None] = field(default=lambda _line: None)
    _tokens: Tokens | None = field(default=None, repr=False)

    def caller(self) -> str:
        """Return the object id of who is logged in; empty where the login does not tell."""
        return object_id(self._login.token())

    def read(self, arm_id: str) -> Read:
        """Return a resource as it is."""
        answer = self._sent(Request("GET", self._url(arm_id)))
        body = answer.body if isinstance(answer.body, dict) else {}
        return Read(body, answer.headers.get("etag") or body.get("etag"))

    def get(self, arm_id: str, **query: str) -> Any:
        """Return the answer to a GET: a resource, or what a name such as `.../usages` stands for."""
        return self._sent(Request("GET", self._url(arm_id, query))).body

    def listed(self, arm_id: str, **query: str) -> Iterator[dict[str, Any]]:
        """Yield what a collection holds, page by page."""
        url: str | None = self._url(arm_id, query)
        while url:
            page = self._sent(Request("GET", url)).body or {}
            yield from page.get("value", ())
            url = page.get("nextLink")

    def put(self, arm_id: str, body: Any, *, if_match: str | None = None) -> Any:
        """Make or replace a resource; return it when it is done. With `if_match`, only if it is still that one."""
        headers = {"If-Match": if_match} if if_match else {}
        return self._done(Request("PUT", self._url(arm_id), headers, body))

    def patch(self, arm_id: str, body: Any) -> Any:
        """Change parts of a resource; return it when it is done."""
        return self._done(Request("PATCH", self._url(arm_id), body=body))

    def post(self, arm_id: str, body: Any = None) -> Any:
        """Do what a name such as `.../listKeys` stands for; return its result. Never sent twice."""
        return self._done(Request("POST", self._url(arm_id), body=body))

    def delete(self, arm_id: str) -> None:
        """Remove a resource; one that is not there is fine."""
        self._done(Request("DELETE", self._url(arm_id)))

    def settled(self, arm_id: str) -> Read:
        """Return a resource when nothing is under way on it: what an earlier run, or somebody else, has begun."""
        end, looks = self.clock.now() + self.patience.operation_s, 0
        while not settled((found := self.read(arm_id)).body):
            if self.clock.now() > end:
                raise self._too_long(f"{named(arm_id)} is still being changed")
            self.clock.wait(poll_pause(Response(200), looks, self.patience, self.clock.now()))
            looks += 1
        return found

    def _done(self, request: Request) -> Any:
        answer = self._sent(request)
        operation = begun(request, answer)
        return self._followed(operation) if operation else answer.body

    def _followed(self, operation: Operation) -> Any:
        """Return the result of an operation when it has ended. Raises AzureFailed where it ended badly."""
        end, looks = self.clock.now() + self.patience.operation_s, 0
        while True:
            answer = self._sent(Request("GET", operation.url), operation.request)
            found = seen(operation, answer)
            if found.failed:
                raise operation_failed(operation.request, found.body)
            if found.ended:
                return self._sent(Request("GET", operation.result)).body if operation.result else found.body
            if self.clock.now() > end:
                raise self._too_long(f"{operation.request.method} {named(operation.request.url)} takes too long")
            self.report(f"{named(operation.request.url)}: Azure is at work")
            self.clock.wait(poll_pause(answer, looks, self.patience, self.clock.now()))
            looks += 1

    def _too_long(self, what: str) -> AzureFailed:
        minutes = self.patience.operation_s / 60
        return AzureFailed(
            f"{what}: no end after {minutes:g} minutes",
            remedy="Look with `sluice status`; the next `sluice up` goes on.",
        )

    def _sent(self, request: Request, about: Request | None = None) -> Response:
        """Return the answer, after as many tries as are worth it; to a DELETE, 404 is one, too.

        `about` is the request that began the operation which `request` looks at: what goes wrong is its failure.
        """
        attempt, renewed = 1, False
        meant = about or request
        identifier = str(uuid.uuid4())
        while True:
            answer = self._tried(request, identifier)
            if answer is not None and answer.status == 401 and not renewed:
                self._login.renew(_claims(answer))
                renewed = True
                continue
            if answer is not None and (answer.status < 400 or (meant.method == "DELETE" and answer.status == 404)):
                return answer
            wait = pause(request.method, answer, attempt, self.patience, self.clock.now())
            if wait is None:
                raise refusal(meant, answer) if answer else _unreachable(meant)
            self.report(f"{named(meant.url)}: {_reason(answer)}; again in {wait:g} s")
            self.clock.wait(wait)
            attempt += 1

    def _tried(self, request: Request, identifier: str) -> Response | None:
        if not self._ours(request.url):
            raise AzureFailed(f"{urlsplit(request.url).netloc} is not ARM's: the login is not shown there")
        headers = {
            "Authorization": f"Bearer {self._login.token()}",
            "Accept": "application/json",
            "x-ms-client-request-id": identifier,
            **request.headers,
        }
        try:
            return self.send(Request(request.method, request.url, headers, request.body))
        except NoAnswer:
            return None

    def _ours(self, url: str) -> bool:
        """Tell whether a URL that an answer named may be shown the login: ARM's own host, or one of its regions'."""
        there, here = urlsplit(url), urlsplit(self.base)
        region = (there.hostname or "").endswith(f".{here.hostname}")
        return there.scheme == here.scheme and (there.netloc == here.netloc or region)

    @property
    def _login(self) -> Tokens:
        self._tokens = self._tokens or Tokens(self.clock.now, self.credential)
        return self._tokens

    def _url(self, arm_id: str, query: dict[str, str] | None = None) -> str:
        version = api_version(arm_id)
        more = "".join(f"&{key}={value}" for key, value in (query or {}).items())
        return f"{self.base}/{arm_id.strip('/')}?api-version={version}{more}"


def api_version(arm_id: str) -> str:
    """Return the version of the API that is spoken for an id: that of the last provider in it."""
    _, found, rest = arm_id.lower().rpartition("/providers/")
    return API_VERSIONS.get(rest.partition("/")[0], _RESOURCES) if found else _RESOURCES


def _claims(answer: Response) -> str | None:
    """Return what Azure asks a new token to say (continuous access evaluation); None where it asks nothing."""
    found = _CLAIMS.search(answer.headers.get("www-authenticate", ""))
    return b64decode(found["claims"] + "==").decode("utf-8", "replace") if found else None


def _reason(answer: Response | None) -> str:
    return "no answer" if answer is None else "throttled" if answer.status == 429 else f"HTTP {answer.status}"


def _unreachable(request: Request) -> AzureFailed:
    return AzureFailed(
        f"{request.method} {named(request.url)}: {urlsplit(request.url).netloc} does not answer",
        remedy="Check the network and its proxy (HTTPS_PROXY), then run it again: it goes on where it stopped.",
    )
