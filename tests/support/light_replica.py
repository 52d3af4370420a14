"""A model server without dependencies that stands in for one of ours: run as `python light_replica.py ... --port N`.

GET answers 200. POST /score answers with the NAME of its environment, the process, how many probes there were, and the
body; a body with `until` makes it a stream of events that lasts until that file is there.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar


class LightReplica(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    probes: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        """Answer a probe."""
        self.probes.append(self.path)
        self._send(200, {})

    def do_POST(self) -> None:
        """Answer a request."""
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        asked = json.loads(body) if body else {}
        if isinstance(asked, dict) and "until" in asked:
            self._stream(Path(asked["until"]))
        else:
            self._send(
                200,
                {"name": os.environ.get("NAME", ""), "pid": os.getpid(), "probes": len(self.probes), "asked": asked},
            )

    def _send(self, status: int, value: dict[str, Any]) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, until: Path) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        while not until.exists():
            self._chunk(b"data: more\n\n")
            time.sleep(0.02)
        self._chunk(b"data: end\n\n")
        self._chunk(b"")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_known_args()[0].port
    server = ThreadingHTTPServer(("127.0.0.1", port), LightReplica)
    server.daemon_threads = True
    server.serve_forever()


if __name__ == "__main__":
    main()
