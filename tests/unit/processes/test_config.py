"""The supervisor's configuration survives every path a user may have."""

from __future__ import annotations

import fnmatch
import shlex
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from supervisor.options import UnhosedConfigParser

from sluice.targets.local.processes.config import program_ini, supervisord_ini
from sluice.targets.local.processes.program import Program

NAMES = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"], exclude_characters="/\0"), min_size=1, max_size=20)
PATHS = st.lists(NAMES.filter(lambda name: name.strip() == name and name not in (".", "..")), min_size=1).map(
    lambda names: Path("/", *names)
)


def parsed(text: str) -> UnhosedConfigParser:
    parser = UnhosedConfigParser()
    parser.read_string(text)
    return parser


@given(PATHS, PATHS)
def test_a_command_is_read_back_as_it_was_meant(python: Path, launcher: Path) -> None:
    ini = parsed(program_ini(Program("chat.blue.0", ("x",), Path("/")), python, launcher))
    command = ini.saneget("program:chat.blue.0", "command")
    told = ["programs/chat.blue.0/program.json", "supervisord.pid"]
    assert shlex.split(command) == [str(python), "-S", "-E", str(launcher), *told]


@given(PATHS)
def test_the_include_pattern_matches_the_folder_of_any_root(root: Path) -> None:
    ini = parsed(supervisord_ini(root, root / "sock" / "s", files=100))
    (pattern,) = (ini.get("include", "files") % {}).split()
    assert fnmatch.fnmatchcase(str(root / "conf.d" / "a.ini"), pattern)
    assert ini.saneget("unix_http_server", "file") == "sock/s"


def test_a_socket_outside_the_root_is_named_in_full() -> None:
    ini = parsed(supervisord_ini(Path("/a"), Path("/tmp/b/s"), files=100))
    assert ini.saneget("unix_http_server", "file") == "/tmp/b/s"
    assert ini.saneget("unix_http_server", "chmod") == "0600"


def test_nothing_of_the_program_itself_stands_in_the_configuration() -> None:
    program = Program("p", ("serve", "argument"), Path("/work"), {"PLAIN": "value"}, {"KEY": "hidden"})
    text = program_ini(program, Path("/python"), Path("/launcher.py"))
    assert not any(word in text for word in ("serve", "argument", "PLAIN", "value", "KEY", "hidden"))


def test_the_supervisor_waits_longer_than_the_launcher() -> None:
    ini = parsed(program_ini(Program("p", ("x",), Path("/"), grace_s=30.5), Path("/p"), Path("/l")))
    assert int(ini.saneget("program:p", "stopwaitsecs")) > 30.5 + 5


def test_only_a_program_that_may_complete_is_left_alone_after_an_exit_with_0() -> None:
    always = parsed(program_ini(Program("p", ("x",), Path("/")), Path("/p"), Path("/l")))
    once = parsed(program_ini(Program("p", ("x",), Path("/"), restart="on-failure"), Path("/p"), Path("/l")))
    assert always.saneget("program:p", "autorestart") == "true"
    assert once.saneget("program:p", "autorestart") == "unexpected"
