"""What is kept running stays up, whatever is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from sluice.targets.local.processes.program import State

if TYPE_CHECKING:
    from tests.process.supervision.conftest import House

pytestmark = pytest.mark.process


def test_a_killed_child_is_back_at_once_and_nobody_else_notices(house: House) -> None:
    victim, other = house.server("victim"), house.server("other")
    before = house.child("victim")
    with house.polled(other) as poller:
        house.kill(before)
        house.wait_for(victim.pid, "victim to answer again")
        poller.answered_again()
    assert victim.pid() not in (None, before)
    assert house.state("victim").restarts == 1
    assert house.events("victim") == ["started", "killed", "restarted"]
    assert set(poller.answers) == {str(house.child("other"))}
    assert house.state("other").restarts == 0


def test_a_killed_launcher_leaves_its_child_to_the_next(house: House) -> None:
    server = house.server("chat")
    child, launcher = house.child("chat"), house.launcher("chat")
    with house.polled(server) as poller:
        house.kill(launcher)
        house.wait_for(lambda: house.events("chat")[-1] == "adopted", "adoption")
        poller.answered_again()
    assert set(poller.answers) == {str(child)}
    assert house.launcher("chat") != launcher
    house.kill(child)  # the adopted child is watched as its own was
    house.wait_for(lambda: server.pid() not in (None, child), "the restart of an adopted child")


def test_a_killed_supervisor_is_replaced_with_no_request_lost(house: House) -> None:
    servers = [house.server("one"), house.server("two")]
    children = [house.child(server.name) for server in servers]
    dead = house.supervisord()
    with house.polled(servers[0]) as poller:
        house.kill(dead)
        assert {state.state for state in house.supervisor.programs()} == {State.RUNNING}
        house.supervisor.ensure()
        poller.answered_again()
    assert house.supervisord() != dead
    assert [house.child(server.name) for server in servers] == children
    assert set(poller.answers) == {str(children[0])}


def test_a_child_is_restarted_while_the_supervisor_is_dead(house: House) -> None:
    server = house.server("chat")
    house.kill(house.supervisord())
    child = house.child("chat")
    house.kill(child)
    house.wait_for(lambda: server.pid() not in (None, child), "a restart by the launcher alone")


def test_the_second_launcher_takes_over_from_the_first(house: House) -> None:
    server = house.server("chat")
    first, child = house.launcher("chat"), house.child("chat")
    house.kill(house.supervisord())
    house.supervisor.ensure()
    house.wait_for(lambda: house.count("launcher.py") == 2, "a launcher in line")
    house.kill(first)
    house.wait_for(lambda: house.events("chat")[-1] == "adopted", "the take-over")
    assert server.pid() == child
    house.wait_for(lambda: house.count("launcher.py") == 1, "one launcher")


def test_a_child_that_lost_launcher_and_supervisor_is_adopted(house: House) -> None:
    server = house.server("chat")
    child = house.child("chat")
    house.kill(house.supervisord())
    house.kill(house.launcher("chat"))
    assert house.state("chat").state is State.RUNNING
    house.supervisor.ensure()
    house.wait_for(lambda: house.events("chat")[-1] == "adopted", "adoption")
    assert server.pid() == child


def test_after_the_death_of_all_the_next_ensure_brings_all_back(house: House) -> None:
    server = house.server("chat")
    house.kill(house.supervisord())
    house.kill(house.launcher("chat"))
    house.kill(house.child("chat"))
    assert house.state("chat").state is State.MISSING
    house.supervisor.ensure()
    house.wait_for(server.pid, "the server")
    assert house.state("chat").restarts == 1


def test_a_supervisor_that_hangs_is_replaced(house: House) -> None:
    server = house.server("chat")
    child, hanging = house.child("chat"), house.supervisord()
    os.kill(hanging, signal.SIGSTOP)
    house.supervisor.ensure()
    assert house.supervisord() != hanging
    assert server.pid() == child


def test_a_supervisor_without_its_socket_is_replaced(house: House) -> None:
    server = house.server("chat")
    child, deaf = house.child("chat"), house.supervisord()
    socket = house.supervisor.runtime.supervisor_socket()
    assert socket is not None
    socket.unlink()
    house.supervisor.ensure()
    assert house.supervisord() != deaf
    assert server.pid() == child


def test_many_who_ensure_at_once_start_one_supervisor(house: House) -> None:
    code = "import sys, pathlib; from sluice.targets.local.processes.supervisor import Supervisor; "
    code += "Supervisor(pathlib.Path(sys.argv[1])).ensure()"
    others = [subprocess.Popen([sys.executable, "-c", code, str(house.supervisor.runtime.root)]) for _ in range(3)]
    threads = [threading.Thread(target=house.supervisor.ensure) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [other.wait() for other in others] == [0, 0, 0]
    assert house.count("supervisor.supervisord") == 1


def test_programs_are_added_and_removed_at_once(house: House) -> None:
    def work(number: int) -> None:
        house.script(f"p{number}", "import time; time.sleep(1000)")
        if number % 2:
            house.supervisor.remove(f"p{number}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [state.name for state in house.supervisor.programs()] == ["p0", "p2", "p4", "p6"]
    house.wait_for(lambda: {state.state for state in house.supervisor.programs()} == {State.RUNNING}, "all to run")
    assert house.count("launcher.py") == 4


def test_the_log_goes_on_through_every_death(house: House) -> None:
    house.server("chat")
    house.kill(house.child("chat"))
    house.wait_for(lambda: house.supervisor.log_tail("chat", 9).count("serving") == 2, "the second start")
    house.kill(house.supervisord())
    house.supervisor.ensure()
    house.kill(house.child("chat"))
    house.wait_for(lambda: house.supervisor.log_tail("chat", 9).count("serving") == 3, "the third start")
    assert house.supervisor.log_path("chat").stat().st_mode & 0o777 == 0o600


def test_what_a_command_started_outlives_the_command(house: House) -> None:
    code = (
        "import sys, pathlib; from sluice.targets.local.processes.supervisor import Supervisor; "
        "from sluice.targets.local.processes.program import Program; root = pathlib.Path(sys.argv[1]); "
        "Supervisor(root).add(Program('p', (sys.executable, '-c', 'import time; time.sleep(1000)'), root)); "
        "print('added', flush=True); import time; time.sleep(1000)"
    )
    command = subprocess.Popen(
        [sys.executable, "-c", code, str(house.supervisor.runtime.root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert command.stdout is not None
    assert command.stdout.readline() == b"added\n"
    house.wait_for(lambda: house.state("p").state is State.RUNNING, "the program")
    os.killpg(command.pid, signal.SIGKILL)
    assert command.stdout.read() == b""  # the end of file: nobody else holds the pipe
    command.stdout.close()
    command.wait()
    assert house.state("p").state is State.RUNNING
    assert all(os.getsid(pid) not in (os.getsid(0), command.pid) for pid in house.processes())
