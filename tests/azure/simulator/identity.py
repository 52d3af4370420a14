"""A managed identity on this machine: what azure-identity asks where App Service says it has one."""

from __future__ import annotations

import json
import threading
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

ME = "11111111-2222-3333-4444-555555555555"
HEADER = "a-header-that-shows-who-asks"


def token_of(object_id: str = ME) -> str:
    """Return a token as Entra writes it, for somebody; signed by nobody."""
    head, claims = (urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
                    for part in ({"alg": "none"}, {"oid": object_id}))  # fmt: skip
    return f"{head}.{claims}.none"


@dataclass
class Identity:
    """What it gives, and for which audiences it was asked. `refuses`: it gives nothing."""

    token: str = field(default_factory=token_of)
    asked: list[str] = field(default_factory=list)
    refuses: bool = False
    url: str = ""

    @property
    def environ(self) -> dict[str, str]:
        """What App Service tells its programs."""
        return {"IDENTITY_ENDPOINT": f"{self.url}/msi/token", "IDENTITY_HEADER": HEADER}


@contextmanager
def identity() -> Iterator[Identity]:
    """Run a managed identity while it is needed."""
    given = Identity()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(given))
    given.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield given
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(given: Identity) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = parse_qs(urlsplit(self.path).query)
            known = self.headers.get("X-IDENTITY-HEADER") == HEADER and not given.refuses
            given.asked += asked.get("resource", [])
            told = {"access_token": given.token, "expires_on": "4102444800", "token_type": "Bearer"}
            content = json.dumps(told if known else {"error": "invalid_request"}).encode()
            self.send_response(200 if known else 400)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
            """Say nothing."""

    return Handler
