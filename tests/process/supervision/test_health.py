"""A program that runs but no longer answers is restarted."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sluice.targets.local.processes.program import LivenessCheck, Program, State

if TYPE_CHECKING:
    from tests.process.supervision.conftest import House

pytestmark = pytest.mark.process

QUICK = LivenessCheck("", initial_delay_s=0.1, period_s=0.1, timeout_s=0.5, failure_threshold=2)


def test_a_program_that_hangs_is_restarted(house: House) -> None:
    server = house.server("chat", liveness=QUICK)
    before = house.child("chat")
    assert house.ask(server, "/hang") == str(before)
    house.wait_for(lambda: server.pid() not in (None, before), "the restart")
    kinds = house.events("chat")
    assert kinds[:2] == ["started", "unhealthy"]
    assert kinds[2] in ("killed", "exited")
    assert kinds[3] == "restarted"


def test_a_program_that_answers_is_left_alone(house: House) -> None:
    asked = house.folder / "asked"
    server = house.server("chat", liveness=QUICK)
    before = house.child("chat")
    text = f"""
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        open({str(asked)!r}, "a").write("x")
        self.send_response(200 if self.path == "/up?x" else 500)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", {server.port}), Handler).serve_forever()
"""
    (house.folder / "counting.py").write_text(text)
    argv = (sys.executable, str(house.folder / "counting.py"))
    check = replace(QUICK, url=f"http://127.0.0.1:{server.port}/up?x", initial_delay_s=1)
    house.supervisor.add(replace(server.program, argv=argv, liveness=check))
    house.wait_for(lambda: asked.exists() and len(asked.read_text()) > 10, "ten liveness checks")
    assert house.state("chat").restarts == 0
    assert house.child("chat") != before


def test_a_liveness_check_may_go_over_a_unix_socket(house: House) -> None:
    asked = house.folder / "asked"
    text = f"""
import pathlib, socket, sys
path = pathlib.Path(sys.argv[1])
path.unlink(missing_ok=True)
server = socket.socket(socket.AF_UNIX)
server.bind(str(path))
server.listen()
for number in range(1000):
    connection, _ = server.accept()
    first = connection.recv(100).split(b"\\r")[0]
    open({str(asked)!r}, "ab").write(first + b"\\n")
    connection.sendall(b"HTTP/1.1 503 no\\r\\n\\r\\n" if number >= 3 else b"HTTP/1.1 200 OK\\r\\n\\r\\n")
    connection.close()
"""
    (house.folder / "unix.py").write_text(text)
    house.supervisor.ensure()
    socket = house.supervisor.runtime.sockets() / "server.sock"
    argv = (sys.executable, str(house.folder / "unix.py"), str(socket))
    check = replace(QUICK, url="http://localhost/ready", unix_socket=socket, initial_delay_s=1)
    house.supervisor.add(Program("unix", argv, house.folder, liveness=check))
    house.wait_for(lambda: house.state("unix").restarts == 1, "a restart")
    assert asked.read_text().splitlines()[:5] == ["GET /ready HTTP/1.1"] * 5
    house.supervisor.remove("unix")
    socket.unlink(missing_ok=True)


def test_an_adopted_program_is_still_checked(house: House) -> None:
    server = house.server("chat", liveness=QUICK)
    before = house.child("chat")
    house.kill(house.supervisord())
    house.kill(house.launcher("chat"))
    house.supervisor.ensure()
    house.wait_for(lambda: "adopted" in house.events("chat"), "adoption")
    house.ask(server, "/hang")
    house.wait_for(lambda: server.pid() not in (None, before), "the restart")
    assert house.state("chat").state is State.RUNNING
