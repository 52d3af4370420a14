"""Secrets reach the program and nobody else; nothing else reaches the program."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sluice.targets.local.processes.program import Program

if TYPE_CHECKING:
    from tests.process.supervision.conftest import House

pytestmark = pytest.mark.process

SECRET = "sk-5ecret-0f-the-connection"


def _environment(pid: int) -> dict[str, str]:
    raw = Path(f"/proc/{pid}/environ").read_bytes().decode()
    return dict(entry.split("=", 1) for entry in raw.split("\0") if entry)


def test_a_secret_is_in_one_file_of_mode_600_and_in_the_program(house: House) -> None:
    server = house.server("chat", secret_env={"API_KEY": SECRET})
    assert house.ask(server, "/?API_KEY") == SECRET
    house.kill(house.child("chat"))
    house.wait_for(server.pid, "the restart")
    files = [path for path in house.supervisor.runtime.root.rglob("*") if path.is_file()]
    holders = [path for path in files if SECRET in path.read_text(errors="replace")]
    assert [path.name for path in holders] == ["secrets.json"]
    assert not any(SECRET in command for command in house.processes().values())
    knowing = [pid for pid in house.processes() if SECRET in _environment(pid).values()]
    assert knowing == [house.child("chat")]


def test_every_file_and_folder_is_private(house: House) -> None:
    house.server("chat", secret_env={"API_KEY": SECRET})
    house.kill(house.supervisord())
    house.supervisor.ensure()
    root = house.supervisor.runtime.root
    modes = {path: path.lstat().st_mode & 0o777 for path in (root, *root.rglob("*"))}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if not path.is_dir()} == {0o600}


def test_the_environment_is_exactly_what_was_asked_for(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", SECRET)
    house.server("chat", env={"A": "1"}, secret_env={"B": "2"})
    assert _environment(house.child("chat")) == {"A": "1", "B": "2"}
    assert not any("PULUMI_CONFIG_PASSPHRASE" in _environment(pid) for pid in house.processes())


def test_a_program_inherits_no_open_files_and_no_altered_signals(house: House) -> None:
    house.supervisor.add(Program("p", ("/bin/sleep", "1000"), house.folder))
    house.wait_for(lambda: house.count("/bin/sleep") == 1, "the program")
    process = Path(f"/proc/{house.child('p')}")
    open_files = {str(entry.readlink()) for entry in (process / "fd").iterdir()}
    assert open_files == {"/dev/null", str(house.supervisor.log_path("p"))}
    status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines())
    # The C library keeps a few signals to itself: nobody can set those.
    settable = sum(1 << (signum - 1) for signum in signal.valid_signals())
    assert [int(status[name], 16) & settable for name in ("SigBlk", "SigIgn")] == [0, 0]


def test_the_launcher_loads_nothing_of_sluice(house: House) -> None:
    house.server("chat")
    maps = Path(f"/proc/{house.launcher('chat')}/maps").read_text()
    assert "site-packages" not in maps
    status = Path(f"/proc/{house.launcher('chat')}/status").read_text()
    resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    assert resident < 20_000  # kB; it is one a program
