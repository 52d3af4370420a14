"""A model server of one event loop that says who it is: what stands behind a gateway in tests."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field


@dataclass
class Replica:
    """A model server that says who it is; what it does can be changed while it runs."""

    name: str
    keep_alive: bool = True
    one_at_a_time: bool = False
    status: int = 200
    healthy: bool = True
    stream: tuple[str, ...] = ()
    port: int = 0
    active: int = 0
    most_active: int = 0
    answered: int = 0
    health_checks: int = 0
    seen: list[dict[str, str]] = field(default_factory=list)
    held: bool = False
    delay_s: float = 0.0
    tokens: int | None = None
    _server: asyncio.Server | None = None
    _connections: set[asyncio.StreamWriter] = field(default_factory=set)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def start(self, port: int = 0) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    async def kill(self) -> None:
        """End as a killed process does: no more connections, those there are reset."""
        assert self._server is not None
        self.held = False
        self._server.close()
        for writer in list(self._connections):
            writer.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            if self.one_at_a_time:
                async with self._turn:
                    await self._requests(reader, writer)
            else:
                await self._requests(reader, writer)
        self._connections.discard(writer)
        writer.close()

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            except asyncio.IncompleteReadError:
                return
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:]) if name}
            await reader.readexactly(int(headers.get("content-length", 0)))
            path = head[0].split()[1]
            if path.startswith("/health"):
                self.health_checks += 1
                await self._answer(writer, 200 if self.healthy else 503, {})
            else:
                await self._score(writer, {**headers, ":path": path})
            if not self.keep_alive:
                return

    async def _score(self, writer: asyncio.StreamWriter, headers: dict[str, str]) -> None:
        self.seen.append(headers)
        self.active += 1
        self.most_active = max(self.most_active, self.active)
        try:
            await asyncio.sleep(self.delay_s)
            while self.held:  # noqa: ASYNC110 - set from the test's thread
                await asyncio.sleep(0.005)
            if self.stream:
                await self._stream(writer)
            else:
                await self._answer(writer, self.status, {"name": self.name, "path": headers[":path"]})
            self.answered += 1
        finally:
            self.active -= 1

    async def _answer(self, writer: asyncio.StreamWriter, status: int, body: dict[str, str]) -> None:
        text = json.dumps(body)
        close = "" if self.keep_alive else "connection: close\r\n"
        told = "" if self.tokens is None else f"x-sluice-tokens: {self.tokens}\r\n"
        writer.write(
            f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{close}{told}"
            f"content-length: {len(text)}\r\n\r\n{text}".encode()
        )
        await writer.drain()

    async def _stream(self, writer: asyncio.StreamWriter) -> None:
        """Send each event only after the test has asked for it with `held = False`."""
        writer.write(b"HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for event in self.stream:
            while self.held:  # noqa: ASYNC110 - set from the test's thread
                await asyncio.sleep(0.005)
            text = f"data: {event}\n\n"
            writer.write(f"{len(text):x}\r\n{text}\r\n".encode())
            await writer.drain()
            self.held = True
        writer.write(b"0\r\n\r\n")
        await writer.drain()
