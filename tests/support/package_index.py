"""A private package index on loopback: the simple API behind a password, with wheels made here."""

from __future__ import annotations

import base64
import hashlib
import http.server
import io
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

USER = "feed-user"
PASSWORD = "p@ss/w0rd-that-nobody-may-see"


@dataclass
class PackageIndex:
    """An index: files by package, and what was asked for (`path -> status`). A `silent` one lets callers wait."""

    port: int = 0
    packages: dict[str, dict[str, bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    silent: bool = False
    closed: threading.Event = field(default_factory=threading.Event)

    @property
    def placeholder(self) -> str:
        """The address as prompt flow's documents write a private feed."""
        return f"http://{{private}}@127.0.0.1:{self.port}/simple/"

    @property
    def url(self) -> str:
        """The address, without a credential."""
        return f"http://127.0.0.1:{self.port}/simple/"

    def add(self, name: str, version: str, requires: tuple[str, ...] = ()) -> None:
        """Publish a package with one module that says its version."""
        file, content = wheel(name, version, requires)
        self.packages.setdefault(name, {})[file] = content

    def answer(self, path: str) -> bytes | None:
        """Return a page of the simple API, or a file."""
        parts = path.strip("/").split("/")
        files: Mapping[str, bytes] = self.packages.get(parts[1], {}) if len(parts) > 1 else {}
        if parts[0] == "files":
            return self.packages.get(parts[1], {}).get(parts[2])
        if not files:
            return None
        rows = [
            f'<a href="/files/{parts[1]}/{n}#sha256={hashlib.sha256(c).hexdigest()}">{n}</a>' for n, c in files.items()
        ]
        return f"<!DOCTYPE html><html><body>{''.join(rows)}</body></html>".encode()


def wheel(name: str, version: str, requires: tuple[str, ...] = ()) -> tuple[str, bytes]:
    """Return a wheel's name and content: the same bytes every time."""
    module, info = name.replace("-", "_"), f"{name.replace('-', '_')}-{version}.dist-info"
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}", *(f"Requires-Dist: {r}" for r in requires)]
    files = {
        f"{module}.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": "\n".join(metadata) + "\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for file, text in files.items():
            archive.writestr(zipfile.ZipInfo(file), text)
    return f"{module}-{version}-py3-none-any.whl", packed.getvalue()


@contextmanager
def private_index() -> Iterator[PackageIndex]:
    """Lend an index that answers USER with PASSWORD only."""
    index = PackageIndex()
    expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if index.silent:
                index.closed.wait(30)
            body = index.answer(self.path)
            status = 401 if self.headers.get("Authorization") != expected else 404 if body is None else 200
            index.asked.append(f"{self.path} -> {status}")
            self.send_response(status)
            if status == 401:
                self.send_header("WWW-Authenticate", 'Basic realm="feed"')
            self.send_header("Content-Type", "text/html" if self.path.startswith("/simple") else "application/zip")
            self.send_header("Content-Length", str(len(body or b"") if status == 200 else 0))
            self.end_headers()
            if status == 200 and body:
                self.wfile.write(body)

        def do_HEAD(self) -> None:
            self.send_error(405)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        index.port = server.server_port
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield index
        finally:
            index.closed.set()
            server.shutdown()
