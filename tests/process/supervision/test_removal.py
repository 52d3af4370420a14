"""What is removed is gone, whatever state it was in; the `house` looks for what is left."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sluice.targets.local.processes.program import LivenessCheck, Program, State
from sluice.targets.local.processes.supervisor import LAUNCHER

if TYPE_CHECKING:
    from tests.process.supervision.conftest import House

pytestmark = pytest.mark.process

SLEEP = "import time; time.sleep(1000)"


def _supervisor_dead(house: House) -> None:
    house.kill(house.supervisord())


def _launcher_dead(house: House) -> None:
    house.kill(house.launcher("chat"))


def _supervisor_and_launcher_dead(house: House) -> None:
    house.kill(house.supervisord())
    house.kill(house.launcher("chat"))


def _all_dead(house: House) -> None:
    _supervisor_and_launcher_dead(house)
    house.kill(house.child("chat"))


def _three_launchers_and_no_supervisor(house: House) -> None:
    for launchers in (2, 3):
        house.kill(house.supervisord())
        house.supervisor.ensure()
        house.wait_for(lambda: house.count("programs/chat/") == launchers, "a launcher in line")  # noqa: B023 - used at once
    house.kill(house.supervisord())


def _three_launchers_and_a_supervisor(house: House) -> None:
    _three_launchers_and_no_supervisor(house)
    house.supervisor.ensure()


def _half_removed(house: House) -> None:
    _supervisor_dead(house)
    files = house.supervisor.runtime.program("chat")
    files.conf.unlink()
    files.program.unlink()


BREAKS = [
    _supervisor_dead,
    _launcher_dead,
    _supervisor_and_launcher_dead,
    _all_dead,
    _three_launchers_and_no_supervisor,
    _three_launchers_and_a_supervisor,
    _half_removed,
]


@pytest.mark.parametrize("break_it", BREAKS, ids=lambda function: function.__name__.strip("_"))
def test_a_program_is_removed_from_every_broken_state(house: House, break_it: Callable[[House], None]) -> None:
    server, other = house.server("chat"), house.server("other")
    break_it(house)
    house.supervisor.remove("chat")
    assert house.count(f" {server.port} ") == 0
    assert not house.supervisor.runtime.program("chat").folder.exists()
    assert [state.name for state in house.supervisor.programs()] == ["other"]
    assert other.pid() == house.child("other")


@pytest.mark.parametrize("break_it", BREAKS, ids=lambda function: function.__name__.strip("_"))
def test_a_program_is_added_again_in_every_broken_state(house: House, break_it: Callable[[House], None]) -> None:
    server = house.server("chat")
    break_it(house)
    house.supervisor.add(replace(server.program, env={"NEW": "yes"}))
    house.wait_for(lambda: house.ask(server, "/?NEW") == "yes", "the changed program")
    assert house.count(f" {server.port} ") == 1


@pytest.mark.parametrize("break_it", BREAKS[:-1], ids=lambda function: function.__name__.strip("_"))
def test_shutdown_stops_all_and_ensure_brings_all_back(house: House, break_it: Callable[[House], None]) -> None:
    server = house.server("chat")
    break_it(house)
    house.supervisor.shutdown()
    house.wait_for(lambda: not house.processes(), "the end of all")
    assert house.state("chat").state in (State.STOPPED, State.MISSING)
    house.supervisor.ensure()
    house.wait_for(server.pid, "the server")


@pytest.mark.parametrize("end", ["remove", "shutdown"])
def test_no_launcher_in_line_starts_what_is_being_stopped(house: House, end: str) -> None:
    starts = house.folder / "starts"
    command = ("/bin/sh", "-c", f"echo x >> '{starts}'; exec sleep 1000")
    house.supervisor.add(Program("chat", command, house.folder))
    house.wait_for(lambda: house.state("chat").state is State.RUNNING and starts.exists(), "the program")
    _three_launchers_and_no_supervisor(house)
    if end == "remove":
        house.supervisor.remove("chat")
    else:
        house.supervisor.shutdown()
    house.wait_for(lambda: not house.count("programs/chat/"), "the end of all launchers")
    assert starts.read_text() == "x\n"


def test_a_launcher_that_comes_late_starts_nothing_after_a_shutdown(house: House) -> None:
    server = house.server("chat")
    house.supervisor.shutdown()
    command = [sys.executable, "-S", "-E", str(LAUNCHER), "programs/chat/program.json", "supervisord.pid"]
    late = subprocess.run(command, cwd=house.supervisor.runtime.root, timeout=30, check=False)
    assert late.returncode == 0
    assert house.events("chat")[-1] == "stopped"
    assert server.pid() is None


def test_what_a_program_started_goes_with_it(house: House) -> None:
    worker = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(1000)"
    house.script("master", f"import subprocess, sys, time; subprocess.run([sys.executable, '-c', {worker!r}])")
    house.wait_for(lambda: house.count("SIG_IGN") == 1, "the worker")
    house.supervisor.remove("master")
    assert house.count("SIG_IGN") == 0


def test_what_a_killed_program_started_goes_with_it(house: House) -> None:
    house.script("master", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SLEEP!r}, 'worker'])")
    house.wait_for(lambda: house.count("worker") == 1, "the worker")
    (before,) = (pid for pid, command in house.processes().items() if "worker" in command)
    house.kill(house.child("master"))
    house.wait_for(lambda: house.state("master").restarts == 1 and house.count("worker") == 1, "the next worker")
    assert before not in house.processes()


def test_a_program_deaf_to_sigterm_is_killed_after_its_grace(house: House) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf'); time.sleep(1000)"
    house.script("deaf", deaf, grace_s=0.3)
    house.wait_for(lambda: house.supervisor.log_tail("deaf", 1) == ["deaf"], "deafness")
    house.supervisor.remove("deaf")
    assert house.count("deaf.py") == 0


def test_a_program_has_its_grace_to_finish(house: House) -> None:
    done = house.folder / "done"
    text = f"""
import pathlib, signal, time
def finish(*_):
    time.sleep(0.5)
    pathlib.Path({str(done)!r}).touch()
    raise SystemExit
signal.signal(signal.SIGTERM, finish)
print("ready")
time.sleep(1000)
"""
    house.script("slow", text, grace_s=20)
    house.wait_for(lambda: house.supervisor.log_tail("slow", 1) == ["ready"], "readiness")
    house.supervisor.remove("slow")
    assert done.exists()


def test_a_program_that_never_starts_is_said_so_and_removed(house: House) -> None:
    house.script("broken", "raise SystemExit('no model here')")
    house.wait_for(lambda: house.state("broken").restarts >= 2, "restarts")
    assert house.state("broken").state in (State.RESTARTING, State.RUNNING)
    assert house.supervisor.log_tail("broken", 1) == ["no model here"]
    house.supervisor.remove("broken")


def test_a_command_that_does_not_exist_is_named_in_the_log(house: House) -> None:
    server = house.server("chat")
    house.supervisor.add(replace(server.program, name="absent", argv=("/nowhere/serve",)))
    house.wait_for(lambda: house.supervisor.log_tail("absent", 1), "a line in the log")
    assert "/nowhere/serve can't be started" in house.supervisor.log_tail("absent", 1)[0]


def test_adding_the_same_again_changes_nothing(house: House) -> None:
    server = house.server("chat")
    before = server.pid()
    house.supervisor.add(server.program)
    assert server.pid() == before
    assert house.events("chat") == ["started"]


def test_adding_a_changed_one_replaces_it(house: House) -> None:
    server = house.server("chat", secret_env={"KEY": "old"})
    before = server.pid()
    house.supervisor.add(replace(server.program, secret_env={"KEY": "new"}))
    house.wait_for(lambda: house.ask(server, "/?KEY") == "new", "the new one")
    assert before not in house.processes()


def test_adding_starts_what_was_shut_down(house: House) -> None:
    server = house.server("chat")
    house.supervisor.shutdown()
    house.supervisor.add(server.program)
    house.wait_for(server.pid, "the server")


def test_removing_what_is_not_there_does_nothing(house: House) -> None:
    house.supervisor.remove("nobody")
    house.supervisor.ensure()
    house.supervisor.remove("nobody")
    assert house.supervisor.programs() == ()


def test_the_supervisor_stays_while_it_has_a_program(house: House) -> None:
    server = house.server("chat")
    before = house.supervisord()
    house.supervisor.stop_if_idle()
    assert house.supervisord() == before
    assert server.pid() == house.child("chat")


def test_a_program_may_complete(house: House) -> None:
    count = house.folder / "count"
    text = f"open({str(count)!r}, 'a').write('x'); raise SystemExit(0 if len(open({str(count)!r}).read()) == 2 else 1)"
    house.script("once", text, restart="on-failure")
    house.wait_for(lambda: house.state("once").state is State.COMPLETED, "completion")
    assert count.read_text() == "xx"  # failed, restarted, done
    house.wait_for(lambda: house.count("launcher.py") == 0, "the launcher's end")
    house.kill(house.supervisord())
    house.supervisor.ensure()
    house.wait_for(lambda: house.count("launcher.py") == 1, "a launcher that finds it done")
    house.wait_for(lambda: house.count("launcher.py") == 0, "the launcher's end")
    assert count.read_text() == "xx"


def test_a_deleted_root_takes_its_processes_along(house: House) -> None:
    house.server("chat")
    house.server("slow", liveness=LivenessCheck("http://127.0.0.1:1/", period_s=0.1))
    shutil.rmtree(house.supervisor.runtime.root)
    house.wait_for(lambda: not house.processes(), "the end of all")
