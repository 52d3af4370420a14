"""A model server that costs next to nothing: it answers every request at once with its name.

    python bench/light_server.py NAME PORT

HTTP/1.1 with keep-alive, one event loop, on 127.0.0.1. GET /health answers 200. Requests must have a content-length.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys


class LightProtocol(asyncio.Protocol):
    """One connection: answers each whole request in its buffer."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer what is whole; keep the rest."""
        self._buffer += data
        while (end := whole(self._buffer)) is not None:
            self._buffer = self._buffer[end:]
            if self._transport is not None:
                self._transport.write(self._answer)


def whole(buffer: bytes) -> int | None:
    """Return where the first request of a buffer ends, None while it is not whole."""
    head, separator, _ = buffer.partition(b"\r\n\r\n")
    if not separator:
        return None
    _, _, after = head.lower().partition(b"\r\ncontent-length:")
    length = int(after.split(b"\r\n", 1)[0]) if after else 0
    end = len(head) + len(separator) + length
    return end if len(buffer) >= end else None


def answer_of(name: str) -> bytes:
    """Return the whole answer of a server with that name."""
    body = json.dumps({"name": name}).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-name: {name}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def serve(name: str, port: int) -> None:
    """Serve until SIGTERM."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    answer = answer_of(name)
    server = await loop.create_server(lambda: LightProtocol(answer), "127.0.0.1", port, backlog=1024)
    async with server:
        await stopped.wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
