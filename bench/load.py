"""Load on an endpoint: clients of one event loop that count every answer, every failure and every stray."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

LIMIT_S = 60.0
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class Answer:
    """What a client got: the status, the deployment that answered, and whether the connection may be used again."""

    status: int
    deployment: str
    reusable: bool


@dataclass
class Load:
    """Requests in a row from `clients` clients; every second one opens a connection for each request.

    While `owner` names a deployment, an answer by another one is a stray, if the request began and ended meanwhile.
    `name_header` is the header of an answer that names the deployment. A client rests `pause_s` seconds after each
    answer.
    """

    port: int
    key: str
    body: str
    clients: int
    owner: str | None = None
    name_header: str = "azureml-model-deployment"
    pause_s: float = 0.0
    answered: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    strays: int = 0
    latencies: list[float] = field(default_factory=list)
    connections: int = 0
    _era: int = 0
    _going: bool = True
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Return how many requests have ended, well or not."""
        return self.answered.total() + self.failed.total()

    def routed_to(self, owner: str | None) -> None:
        """Say which deployment alone answers requests that begin from now on; None: several may."""
        self.owner = owner
        self._era += 1

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._client(keep=number % 2 == 0)) for number in range(self.clients)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._going = False
        await asyncio.gather(*self._tasks)

    async def reached(self, total: int) -> None:
        """Wait until so many requests have ended; a client that breaks ends the run."""
        while self.total < total:
            for task in self._tasks:
                if task.done():
                    task.result()
            await asyncio.sleep(0.005)

    async def _client(self, *, keep: bool) -> None:
        streams: Streams | None = None
        while self._going:
            era, began = self._era, time.perf_counter()
            try:
                async with asyncio.timeout(LIMIT_S):
                    streams = streams or await self._connect()
                    answer = await self._ask(streams)
            except (OSError, EOFError, TimeoutError, ValueError) as error:
                self.failed[repr(error)] += 1
                await _close(streams)
                streams = None
                continue
            self._count(answer, era, time.perf_counter() - began)
            if not (keep and answer.reusable):
                await _close(streams)
                streams = None
            if self.pause_s:
                await asyncio.sleep(self.pause_s)
        await _close(streams)

    async def _connect(self) -> Streams:
        self.connections += 1
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def _ask(self, streams: Streams) -> Answer:
        reader, writer = streams
        writer.write(
            f"POST /score HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {self.key}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(self.body)}\r\n\r\n{self.body}".encode()
        )
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:]) if name}
        await reader.readexactly(int(headers["content-length"]) if "content-length" in headers else _no_length())
        reusable = headers.get("connection") != "close"
        return Answer(int(lines[0].split()[1]), headers.get(self.name_header, "?"), reusable)

    def _count(self, answer: Answer, era: int, took: float) -> None:
        self.latencies.append(took)
        if answer.status != 200:
            self.failed[f"status {answer.status}"] += 1
            return
        self.answered[answer.deployment] += 1
        self.strays += era == self._era and self.owner is not None and answer.deployment != self.owner


def _no_length() -> int:
    raise ValueError("an answer without content-length")


async def _close(streams: Streams | None) -> None:
    if streams is not None:
        streams[1].close()
        with suppress(OSError):
            await streams[1].wait_closed()
