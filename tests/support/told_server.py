"""A web server that does as it is told, and keeps what it was asked; and waiting for things to happen."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sluice.spec.frozen import frozen_map

WAIT_S = 20.0


@dataclass(frozen=True)
class Request:
    """What the server was asked."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def deployment(self) -> str:
        return self.headers.get("azureml-model-deployment", "")

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Told:
    """What it answers; one that hangs does so until the test is over."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=frozen_map)
    hangs: bool = False


Answering = Callable[[Request], Told]


class Web(ThreadingHTTPServer):
    """Answers as `answering` says, and keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answering: Answering = lambda _: Told()
        self.requests: list[Request] = []
        self.asked = threading.Condition()
        self.over = threading.Event()
        self.overslept = False

    def address(self, path: str = "/score") -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"

    def handle_error(self, *_: object) -> None:
        """Clients that go away in the middle are what is tested."""

    def wait_for(self, requests: int) -> None:
        with self.asked:
            assert self.asked.wait_for(lambda: len(self.requests) >= requests, WAIT_S)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Web

    def do_POST(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def do_PUT(self) -> None:
        self.answer()

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, body)
        told = self.server.answering(request)
        with self.server.asked:
            self.server.requests.append(request)
            self.server.asked.notify_all()
        if told.hangs:
            self.server.overslept |= not self.server.over.wait(WAIT_S)
        self.send_response(told.status)
        for name, value in {"Content-Length": str(len(told.body)), **told.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(told.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name the base class gives it
        """Keep quiet."""


@contextmanager
def stopped_when(happens: Callable[[], object], stop: threading.Event) -> Iterator[None]:
    """Set `stop` as soon as `happens` returns; the block is what is to end then."""

    def wait() -> None:
        happens()
        stop.set()

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield
    finally:
        thread.join(WAIT_S)


def until(holds: Callable[[], object], seconds: float = WAIT_S) -> None:
    """Return when something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)
