"""The supervisor's own start and end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sluice.errors import SupervisorFailed
from sluice.targets.local.processes.identity import ProcessIdentity, alive, identity_of, start_time, terminate
from sluice.targets.local.processes.supervisor import Supervisor

if TYPE_CHECKING:
    from tests.process.supervision.conftest import House

pytestmark = pytest.mark.process


def test_a_root_with_a_long_path_works_from_every_shell(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.supervisor = Supervisor(house.folder / ("long" * 30))
    house.server("chat")
    socket = house.supervisor.runtime.supervisor_socket()
    assert socket is not None
    assert not socket.is_relative_to(house.folder)
    assert socket.stat().st_mode & 0o777 == 0o600
    before = house.supervisord()
    with tempfile.TemporaryDirectory(dir="/tmp") as other:
        monkeypatch.setattr("tempfile.tempdir", other)
        Supervisor(house.supervisor.runtime.root).ensure()
    assert house.supervisord() == before
    house.supervisor.remove("chat")
    house.supervisor.stop_if_idle()
    assert not socket.parent.exists()


def test_a_root_may_be_named_in_any_way(house: House) -> None:
    house.supervisor = Supervisor(house.folder / "a [b] %s ;c #d 'e' é")
    server = house.server("chat")
    assert server.pid() == house.child("chat")


def test_a_supervisor_that_can_not_start_says_why(house: House) -> None:
    broken = house.supervisor.runtime.conf_folder / "broken.ini"
    broken.parent.mkdir(parents=True)
    broken.write_text("[program:broken]\n")
    with pytest.raises(SupervisorFailed) as failure:
        house.supervisor.ensure()
    assert "ended at its start with status" in failure.value.message
    assert "does not specify a command" in failure.value.details
    assert failure.value.remedy
    broken.unlink()
    house.supervisor.ensure()


def test_it_shares_neither_session_nor_group_with_us(house: House) -> None:
    house.supervisor.ensure()
    assert os.getsid(house.supervisord()) != os.getsid(0)
    assert os.getpgid(house.supervisord()) != os.getpgid(0)


def test_no_pipe_of_its_own_breaks_while_a_program_runs(house: House) -> None:
    """A supervisord that still polls a closed connection's number for reading spins when that is a broken pipe."""
    house.server("chat")

    def opened(pid: int) -> dict[str, str]:
        return {link.name: str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}

    kept = opened(house.launcher("chat"))["0"]
    assert kept.startswith("pipe:")
    assert kept in opened(house.supervisord()).values()
    assert opened(house.child("chat"))["0"] == os.devnull


def test_identity_tells_a_process_from_another_with_its_pid() -> None:
    mine = identity_of(os.getpid())
    assert mine is not None
    assert alive(mine)
    assert not alive(ProcessIdentity(mine.pid, "another"))
    assert identity_of(2**22 + 1) is None


def test_a_zombie_is_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert identity_of(child.pid) is None
    child.wait()


def test_start_time_is_comparable_with_the_time_of_a_file(tmp_path: Path) -> None:
    before = time.time()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        started = start_time(child.pid)
        assert started is not None
        assert before - 1 <= started <= time.time() + 1
    assert start_time(child.pid) is None


@pytest.mark.parametrize("deaf", [False, True])
def test_terminate_ends_exactly_the_one_meant(*, deaf: bool) -> None:
    ignore = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " if deaf else ""
    code = ignore + "print('up', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        identity = identity_of(child.pid)
        assert identity is not None
        terminate(ProcessIdentity(child.pid, "another"), grace_s=1)
        assert alive(identity)
        terminate(identity, grace_s=0.2)
        assert not alive(identity)
        assert child.wait() == (-signal.SIGKILL if deaf else -signal.SIGTERM)
