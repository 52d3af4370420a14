"""Real servers for real flows: environments built once a machine, processes stopped by id."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from uv import find_uv_bin

from sluice.plan.servers import ServerKind
from sluice.targets.local.serving.commands import Command, Replica, server_command
from sluice.targets.local.serving.images import requirements

CHECKOUT = Path(__file__).parents[3]
EXAMPLES = CHECKOUT / "examples"
CHAT_MODEL = CHECKOUT / "tests" / "support" / "openai_server.py"
CHAT_KEY = "k-0123456789-chat"
FLOW_IMAGE = "mcr.microsoft.com/azureml/promptflow/promptflow-runtime:latest"
START_SECONDS = 60.0
STOP_SECONDS = 30.0


@dataclass(frozen=True)
class Answer:
    status: int
    body: str
    headers: Mapping[str, str]

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Server:
    """A server process of a test's own process group."""

    command: Command
    port: int
    log: Path
    process: subprocess.Popen[bytes] = field(repr=False)

    def ask(self, method: str, path: str, body: Any = None, accept: str = "application/json") -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Content-Type": "application/json", "Accept": accept}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            return Answer(response.status, response.read().decode(), dict(response.getheaders()))
        finally:
            connection.close()

    def score(self, body: Any, accept: str = "application/json") -> Answer:
        return self.ask("POST", self.command.score_path, body, accept)

    def healthy(self) -> bool:
        try:
            return self.ask("GET", self.command.health_path).status == 200
        except OSError:
            return False

    def words(self) -> str:
        return self.log.read_text(errors="replace")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)

    def wait_healthy(self) -> None:
        wait_for(lambda: self.healthy() or self.process.poll() is not None, START_SECONDS)
        assert self.process.poll() is None, self.words()

    def destroy(self) -> None:
        """End whatever of the process group is left."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.process.wait(STOP_SECONDS)


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    """Return as soon as `condition` holds; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not so within {seconds} s"
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def build_environment(lines: tuple[str, ...]) -> Path:
    """Return the interpreter of an environment with `lines`; kept in the user's cache between runs."""
    key = hashlib.sha256("\n".join((sys.version, *lines)).encode()).hexdigest()[:16]
    folder = Path.home() / ".cache" / "sluice-test" / "serving" / key
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        uv = find_uv_bin()
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], check=True)
        install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python), *lines]
        subprocess.run(install, check=True)
        (folder / "ready").touch()
    return python


@pytest.fixture(scope="session")
def flow_python() -> Path:
    """The interpreter that serves the example flows."""
    own = (EXAMPLES / "question-answering/flows/qa-green/requirements.txt").read_text().split()
    return build_environment(requirements(FLOW_IMAGE, ServerKind.FLOW, own))


@pytest.fixture(scope="session")
def python_of() -> Callable[..., Path]:
    """The interpreter of an environment with what a kind of server needs, and more packages."""
    return lambda kind, *more: build_environment(requirements(None, kind, more))


Start = Callable[..., Server]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a server of a kind; every one is stopped when the test ends."""
    started: list[Server] = []

    def start_one(kind: ServerKind, python: Path, folder: Path, *, healthy: bool = True, **more: Any) -> Server:
        home = tmp_path / f"replica-{len(started)}"
        home.mkdir()
        connections = more.pop("connections", None)
        if connections is not None:
            more["connections"] = home / "connections.json"
            more["connections"].touch(mode=0o600)
            more["connections"].write_text(json.dumps(connections))
        replica = Replica(python=python, folder=folder, port=free_port(), home=home, cores=1, **more)
        server = launch(server_command(kind, replica), replica.port, home)
        started.append(server)
        if healthy:
            server.wait_healthy()
        return server

    yield start_one
    for server in started:
        server.destroy()


def launch(command: Command, port: int, home: Path) -> Server:
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1", **command.env}
    log = home / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command.argv, env=env, cwd=command.cwd, stdout=output, stderr=output, start_new_session=True
        )
    return Server(command, port, log, process)


@pytest.fixture
def start_flow(start: Start, flow_python: Path) -> Start:
    """Start the server of a flow folder."""

    def start_one(folder: Path, **more: Any) -> Server:
        return start(ServerKind.FLOW, flow_python, folder, **more)

    return start_one


@pytest.fixture
def chat_model() -> Iterator[str]:
    """A chat model on this machine that wants CHAT_KEY; its base_url."""
    with chat_model_process() as base_url:
        yield base_url


@pytest.fixture
def noisy_chat_model() -> Iterator[Callable[[int], str]]:
    """Chat models with noise, by seed."""
    with ExitStack() as running:
        yield lambda seed: running.enter_context(chat_model_process("--noise=0.5", f"--seed={seed}"))


@contextmanager
def chat_model_process(*arguments: str) -> Iterator[str]:
    env = {**os.environ, "CHAT_MODEL_KEY": CHAT_KEY}
    process = subprocess.Popen([sys.executable, CHAT_MODEL, *arguments], env=env, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)
        process.stdout.close()


@pytest.fixture
def chat_connection(chat_model: str) -> dict[str, Any]:
    """The content of the connection `chat_model`, as a replica is given it."""
    return {"type": "open_ai", "configs": {"base_url": chat_model}, "secrets": {"api_key": CHAT_KEY}}
