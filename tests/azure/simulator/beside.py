"""What lies beside ARM: the managed identity's token endpoint, a key vault, and a storage account's blobs, over HTTP.

The real azure-identity logs in here (App Service's managed identity: IDENTITY_ENDPOINT and IDENTITY_HEADER).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

HEADER = "only-for-this-machine"
_FOREVER = 2**40


@dataclass
class Beside:
    """What is kept.

    Attributes:
        secrets: of vaults, by `vault/name`.
        blobs: content by `account/container/name`; blocks wait in `blocks` until they are listed.
        keys: account keys (base64): a SAS has to be signed with its account's.
        token: what the login gives; empty: nobody is logged in.
        denied: answers of vaults and blobs are refusals.
    """

    secrets: dict[str, str] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    blocks: dict[str, dict[str, bytes]] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    token: str = "good"
    denied: bool = False
    requests: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""

    @property
    def environ(self) -> dict[str, str]:
        """Where a program finds it."""
        return {
            "IDENTITY_ENDPOINT": f"{self.url}/msi/token",
            "IDENTITY_HEADER": HEADER,
            "SLUICE_AZURE_VAULTS": f"{self.url}/vaults/{{vault}}",
            "SLUICE_AZURE_BLOBS": f"{self.url}/blobs/{{account}}",
        }

    def answer(self, method: str, url: str, headers: dict[str, str], content: bytes) -> tuple[int, Any]:
        """Answer one request: a status, and JSON or None."""
        parts, query = urlsplit(url), {name: found[0] for name, found in parse_qs(urlsplit(url).query).items()}
        path = unquote(parts.path)
        self.requests.append((method, path))
        if path == "/msi/token":
            return self._login(headers, query)
        if path.startswith("/vaults/"):
            return self._secret(path.removeprefix("/vaults/"), headers)
        return self._blob(method, path.removeprefix("/blobs/"), query, headers, content)

    def _login(self, headers: dict[str, str], query: dict[str, str]) -> tuple[int, Any]:
        if not self.token or headers.get("x-identity-header") != HEADER:
            return 400, {"error": "invalid_request", "error_description": "no identity"}
        told = {"access_token": self.token, "expires_on": str(_FOREVER), "token_type": "Bearer"}
        return 200, {**told, "resource": query.get("resource", "")}

    def _secret(self, path: str, headers: dict[str, str]) -> tuple[int, Any]:
        if headers.get("authorization") != f"Bearer {self.token}":
            return 401, {"error": {"code": "Unauthorized", "message": "AKV10000"}}
        if self.denied:
            return 403, {"error": {"code": "Forbidden", "message": "Caller is not authorized to perform action."}}
        vault, _, name = path.replace("/secrets/", "/").partition("/")
        found = self.secrets.get(f"{vault}/{name}")
        return (200, {"value": found}) if found else (404, {"error": {"code": "SecretNotFound", "message": name}})

    def _blob(
        self, method: str, name: str, query: dict[str, str], headers: dict[str, str], content: bytes
    ) -> tuple[int, Any]:
        if self.denied or not self._opened(name, query, headers):
            return 403, None
        if method == "HEAD":
            return (200 if name in self.blobs else 404), None
        if query.get("comp") == "block":
            self.blocks.setdefault(name, {})[query["blockid"]] = content
            return 201, None
        if query.get("comp") == "blocklist":
            listed = content.decode().split("<Latest>")[1:]
            blocks = self.blocks.pop(name)
            self.blobs[name] = b"".join(blocks[one.partition("<")[0]] for one in listed)
            return 201, None
        if headers.get("if-none-match") == "*" and name in self.blobs:
            return 409, None
        self.blobs[name] = content
        return 201, None

    def _opened(self, name: str, query: dict[str, str], headers: dict[str, str]) -> bool:
        """Tell whether a request may: by token, by a SAS that somebody else made, or by one signed with the key."""
        if "sig" not in query:
            return headers.get("authorization") == f"Bearer {self.token}"
        account, container = name.split("/")[:2]
        if account not in self.keys:
            return query["sig"] == "from-the-datastore"
        place = f"/blob/{account}/{container}"
        told = [query[key] for key in ("sp", "st", "se")]
        signed = [*told, place, "", "", query["spr"], query["sv"], query["sr"], *[""] * 7]
        key = base64.b64decode(self.keys[account])
        digest = hmac.new(key, "\n".join(signed).encode(), hashlib.sha256).digest()
        return query["sig"] == base64.b64encode(digest).decode()


@contextmanager
def beside() -> Iterator[Beside]:
    """Run it while it is needed."""
    kept = Beside()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(kept))
    server.daemon_threads = True
    kept.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(kept: Beside) -> type[BaseHTTPRequestHandler]:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            content = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            with lock:
                status, told = kept.answer(self.command, self.path, headers, content)
            answer = b"" if told is None else json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_PUT = do_HEAD = do_GET  # noqa: N815 - http.server's names

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
            """Say nothing."""

    return Handler
