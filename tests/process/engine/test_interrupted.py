"""Installing in processes of their own: killed half-way, or two at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sluice.engine.cache import cached_engine

pytestmark = pytest.mark.process

VERSION = "3.259.0"
# A program that installs by hand: half of it, then it waits for a file, then the other half.
PROGRAM = """
import sys, time
from pathlib import Path
from sluice.engine.install import EngineSupply

folder = Path(sys.argv[1])

class Nowhere:
    def find(self): return None

class Slow:
    source = "official release"
    def install(self, staged, progress):
        with (folder / "installs").open("a") as notes: notes.write("one\\n")
        (staged / "bin").mkdir()
        (staged / "bin" / "pulumi").write_text("half")
        (folder / "half").touch()
        while not (folder / "go-on").exists(): time.sleep(0.01)
        (staged / "bin" / "pulumi").write_text("3.259.0")
        (staged / "bin" / "pulumi").chmod(0o755)

def tell(line):
    if "another process" in line: (folder / "waits").touch()

supply = EngineSupply(folder / "cache", "3.259.0", "3.200.0", Nowhere(), (Slow(),), lambda file: file.read_text())
print(supply.ensure(tell).version)
"""

Start = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start an installation in a process; those that still run at the end are killed."""
    started: list[subprocess.Popen[bytes]] = []

    def one() -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-c", PROGRAM, str(tmp_path)]
        started.append(subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL))
        return started[-1]

    yield one
    for process in started:
        process.kill()
        process.communicate()


def wait_for(file: Path) -> None:
    deadline = time.monotonic() + 30
    while not file.exists():
        assert time.monotonic() < deadline, f"{file.name} did not come"
        os.sched_yield()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_killed_half_way_nothing_half_is_found_and_the_next_one_works(
    tmp_path: Path, start: Start, how: signal.Signals
) -> None:
    first = start()
    wait_for(tmp_path / "half")
    first.send_signal(how)
    first.wait(30)
    assert cached_engine(tmp_path / "cache", VERSION) is None
    (tmp_path / "go-on").touch()
    assert start().communicate(timeout=30)[0] == b"3.259.0\n"
    left = sorted(entry.name for entry in (tmp_path / "cache" / "engines").iterdir())
    assert left == [f".{VERSION}.lock", VERSION]


def test_two_at_once_install_once(tmp_path: Path, start: Start) -> None:
    first = start()
    wait_for(tmp_path / "half")
    second = start()
    wait_for(tmp_path / "waits")
    (tmp_path / "go-on").touch()
    assert [process.communicate(timeout=30)[0] for process in (first, second)] == [b"3.259.0\n"] * 2
    assert (tmp_path / "installs").read_text() == "one\n"
