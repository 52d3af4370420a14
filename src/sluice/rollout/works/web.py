"""Asking over HTTP: whole answers within a time, stopped at once, and no secret in what is said of a failure."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from threading import Event
from typing import TYPE_CHECKING, Any, TypeVar

from sluice.spec.frozen import frozen_map

if TYPE_CHECKING:
    import httpx  # late: going back at night does not wait for it

T = TypeVar("T")

MOST_BYTES = 32 * 1024 * 1024
_LOOK_S = 0.05
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_TYPE = "content-type"


@dataclass(frozen=True)
class Asked:
    """A request."""

    address: str = field(repr=False)
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=frozen_map, repr=False)
    body: bytes | None = field(default=None, repr=False)
    content_type: str = "application/json"


@dataclass(frozen=True)
class Answer:
    """What came back: status, body, headers (lower-case names), and the seconds it took."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=frozen_map)
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Whether the status is from 200 to 299."""
        return 200 <= self.status <= 299

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode(errors="replace")


@dataclass(frozen=True)
class Trouble:
    """Why there is no answer, for people; `seconds` is how long it took to find out."""

    says: str
    seconds: float = 0.0


STOPPED = Trouble("was stopped")


def ask(asked: Asked, *, timeout_s: float, stop: Event, most_bytes: int = MOST_BYTES) -> Answer | Trouble:
    """Ask once and return the whole answer, or why there is none; within `timeout_s` seconds, or at `stop`."""

    async def asking() -> Answer | Trouble:
        async with client(1) as web:
            return await answer(web, asked, timeout_s=timeout_s, most_bytes=most_bytes)

    return asyncio.run(until_stopped(asking(), stop)) or STOPPED


async def until_stopped(work: Coroutine[Any, Any, T], stop: Event) -> T | None:
    """Return what `work` returns; None where `stop` was set before, and then it is cancelled."""
    task = asyncio.ensure_future(work)
    try:
        while not task.done():
            if stop.is_set():
                return None
            await asyncio.wait({task}, timeout=_LOOK_S)
        return task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def client(connections: int) -> httpx.AsyncClient:
    """Return a client that follows no redirects, keeps no cookies, and asks loopback without a proxy.

    A redirect would carry secret headers elsewhere; a cookie of a cohort would lead later requests.
    """
    import httpx

    return httpx.AsyncClient(
        mounts={f"all://{host}": None for host in _LOOPBACK},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        follow_redirects=False,
        timeout=None,  # noqa: S113 - `answer` limits the whole; a limit a read would let a dripping answer go on
    )


async def answer(
    web: httpx.AsyncClient, asked: Asked, *, timeout_s: float, most_bytes: int = MOST_BYTES
) -> Answer | Trouble:
    """Ask once; an answer that takes longer or is larger is a trouble."""
    import httpx

    began = time.monotonic()
    try:
        async with asyncio.timeout(timeout_s):
            return await _whole(web, asked, most_bytes)
    except (TimeoutError, httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ValueError, OSError) as error:
        return Trouble(_words(error, timeout_s), time.monotonic() - began)


async def _whole(web: httpx.AsyncClient, asked: Asked, most_bytes: int) -> Answer | Trouble:
    began = time.monotonic()
    kind = {} if asked.body is None else {_TYPE: asked.content_type}
    headers = {**kind, **{name.lower(): value for name, value in asked.headers.items()}}
    body = bytearray()
    async with web.stream(asked.method, asked.address, headers=headers, content=asked.body) as response:
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > most_bytes:
                return Trouble(f"answered more than {most_bytes // 1024} KiB", time.monotonic() - began)
    return Answer(response.status_code, bytes(body), frozen_map(response.headers), time.monotonic() - began)


def _words(error: Exception, timeout_s: float) -> str:
    """Say what happened; never with the error's own words where these may quote a header or the address."""
    import httpx

    if isinstance(error, TimeoutError):
        return f"no answer within {timeout_s:g} s"
    if isinstance(error, httpx.ConnectError):
        return f"can't connect ({error})"
    if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL):
        return "the address is not one of HTTP"
    if isinstance(error, httpx.LocalProtocolError | ValueError):
        return "the address or a header has signs that HTTP does not allow"
    return f"the connection broke off ({type(error).__name__})"
