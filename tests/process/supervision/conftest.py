"""Tiny servers under a real supervisor, and a look at what is left of them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from sluice.targets.local.processes.identity import identity_of
from sluice.targets.local.processes.ports import free_port
from sluice.targets.local.processes.program import LivenessCheck, Program, ProgramState
from sluice.targets.local.processes.supervisor import Supervisor

DEADLINE_S = 30.0

# answers with its pid, and with the value of ?NAME; /hang makes every later answer come never
SERVER = """
import http.server, os, sys, threading
hanging = threading.Event()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path, _, name = self.path.partition("?")
        if path == "/hang":
            hanging.set()
        elif hanging.is_set():
            threading.Event().wait()
        body = os.environ.get(name, str(os.getpid())).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
print("serving", flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def wait_for(condition: Callable[[], object], what: str) -> None:
    """Wait until the condition holds; fail after a deadline."""
    until = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < until, f"waited in vain for: {what}"
        time.sleep(0.01)


def ask(port: int, path: str = "/") -> str | None:
    """Return the answer of a server; None when there is none."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return str(answer.read().decode())
    except OSError:
        return None


@dataclass
class Server:
    """A server on a port of its own, as a program."""

    program: Program
    port: int

    @property
    def name(self) -> str:
        return self.program.name

    def pid(self) -> int | None:
        answer = ask(self.port)
        return int(answer) if answer else None


class Poller:
    """Asks a server all the time, and keeps the answers."""

    def __init__(self, server: Server) -> None:
        self.answers: list[str | None] = []
        self._server = server
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def _work(self) -> None:
        while not self._stop.is_set():
            self.answers.append(ask(self._server.port))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def answered_again(self, times: int = 20) -> None:
        """Wait until the server has been asked some more."""
        before = len(self.answers)
        wait_for(lambda: len(self.answers) >= before + times, "more answers")


@dataclass
class House:
    """A root folder with its supervisor, and a way to break it."""

    folder: Path
    supervisor: Supervisor
    _script: Path = field(init=False)

    def __post_init__(self) -> None:
        self._script = self.folder / "server.py"
        self._script.write_text(SERVER)

    def server(
        self,
        name: str,
        *,
        env: Mapping[str, str] | None = None,
        secret_env: Mapping[str, str] | None = None,
        liveness: LivenessCheck | None = None,
    ) -> Server:
        """Add a server and wait until it answers."""
        port = free_port()
        if liveness:
            liveness = replace(liveness, url=f"http://127.0.0.1:{port}/")
        argv = (sys.executable, str(self._script), str(port))
        program = Program(name, argv, self.folder, env or {}, secret_env or {}, liveness, grace_s=5)
        self.supervisor.add(program)
        server = Server(program, port)
        wait_for(server.pid, f"{name} to answer")
        return server

    def script(self, name: str, text: str, *, grace_s: float = 5, restart: str = "always") -> None:
        """Add a Python program of its own text."""
        path = self.folder / f"{name}.py"
        path.write_text(text)
        program = Program(name, (sys.executable, "-u", str(path)), self.folder, grace_s=grace_s)
        self.supervisor.add(replace(program, restart="on-failure" if restart == "on-failure" else "always"))

    def state(self, name: str) -> ProgramState:
        """Return how one program is doing."""
        return next(state for state in self.supervisor.programs() if state.name == name)

    def child(self, name: str) -> int:
        """Return the pid of a running program."""
        pid = self.state(name).pid
        assert pid is not None
        return pid

    def launcher(self, name: str) -> int:
        """Return the pid of the launcher that keeps a program."""
        return int(json.loads(self.supervisor.runtime.program(name).lock.read_text())["pid"])

    def supervisord(self) -> int:
        """Return the pid of the supervisor."""
        return int(json.loads(self.supervisor.runtime.identity.read_text())["pid"])

    def events(self, name: str) -> list[str]:
        """Return the kinds of a program's events."""
        path = self.supervisor.runtime.program(name).events
        return [json.loads(line)["kind"] for line in path.read_text().splitlines()] if path.exists() else []

    def wait_for(self, condition: Callable[[], object], what: str) -> None:
        """Wait until the condition holds; fail after a deadline."""
        wait_for(condition, what)

    def ask(self, server: Server, path: str = "/") -> str | None:
        """Return the answer of a server; None when there is none."""
        return ask(server.port, path)

    def polled(self, server: Server) -> Poller:
        """Return a poller of a server, to be entered."""
        return Poller(server)

    def kill(self, pid: int) -> None:
        """kill -9, and wait until it is dead, reaped or not."""
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: identity_of(pid) is None, f"the death of {pid}")

    def processes(self) -> dict[int, str]:
        """Return every living process that works in our folder, with its command line."""
        found = {}
        for process in Path("/proc").glob("[0-9]*"):
            try:
                inside = str((process / "cwd").readlink()).startswith(str(self.folder))
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if inside and command:  # a zombie has none
                found[int(process.name)] = command
        return found

    def count(self, word: str) -> int:
        """Return how many of our processes have this word in their command line."""
        return sum(word in command for command in self.processes().values())


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A root folder; when the test ends, nothing may be left of what it started."""
    house = House(tmp_path, Supervisor(tmp_path / "run"))
    yield house
    for state in house.supervisor.programs():
        house.supervisor.remove(state.name)
    house.supervisor.stop_if_idle()
    until = time.monotonic() + 10
    while (left := house.processes()) and time.monotonic() < until:
        time.sleep(0.01)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    sockets = house.supervisor.runtime.recorded_sockets()
    if sockets:
        shutil.rmtree(sockets, ignore_errors=True)
    assert not left
    assert not house.supervisor.runtime.root.exists(), list(house.supervisor.runtime.root.rglob("*"))
