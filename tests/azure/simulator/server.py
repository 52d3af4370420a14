"""The simulator over HTTP, on a port of this machine: what breaks between a client and ARM breaks here."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.azure.simulator.azure import Answer, Azure
from tests.azure.simulator.world import Fault, Refused, World


@dataclass(frozen=True)
class Simulator:
    """A running simulator: what it holds, and where it is reached."""

    world: World
    url: str


@contextmanager
def simulated(world: World | None = None) -> Iterator[Simulator]:
    """Run a simulator while it is needed."""
    azure = Azure(world or World())
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(azure))
    server.daemon_threads = True
    azure.base = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Simulator(azure.world, azure.base)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(azure: Azure) -> type[BaseHTTPRequestHandler]:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1  # head and body in one packet

        def _any(self) -> None:
            size = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            with lock:
                answer = _answered(
                    azure, self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body
                )
            if answer is None:
                self.close_connection = True
                return
            self._send(answer)

        def do_GET(self) -> None:
            self._any()

        do_PUT = do_POST = do_DELETE = do_PATCH = do_GET  # noqa: N815 - http.server's names

        def _send(self, answer: Answer) -> None:
            content = b"" if answer.body is None else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
            """Say nothing."""

    return Handler


def _answered(azure: Azure, method: str, url: str, headers: dict[str, str], body: Any) -> Answer | None:
    """Return what is sent back; None where the connection is cut."""
    path, query = urlsplit(url).path, dict(parse_qsl(urlsplit(url).query))
    fault = next((one for one in azure.world.faults if one.meets(method, path)), None)
    if fault:
        fault.times -= 1
        if fault.after:
            _carried_out(azure, method, path, query, headers, body)
        return _broken(fault)
    return _carried_out(azure, method, path, query, headers, body)


def _carried_out(
    azure: Azure, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: Any
) -> Answer:
    try:
        return azure.answer(method, path, query, headers, body)
    except Refused as refused:
        error = {"error": {"code": refused.code, "message": refused.message}}
        return Answer(refused.status, error, refused.headers)


def _broken(fault: Fault) -> Answer | None:
    if fault.status == 0:
        return None
    return Answer(fault.status, {"error": {"code": fault.code, "message": "injected"}}, fault.headers)
