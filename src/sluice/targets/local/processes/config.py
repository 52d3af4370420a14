"""The process supervisor's configuration, as text.

Paths below the root are relative to it: it is the supervisor's working directory, and may hold any sign.
"""

from __future__ import annotations

import glob
import re
import shlex
from pathlib import Path

from sluice.targets.local.processes.program import Program

PIDFILE = "supervisord.pid"
FOR_EVER = 1_000_000_000  # restarts: giving up is no option for what serves
LAUNCHER_GRACE_S = 10  # what a launcher gets on top of its child's grace


def supervisord_ini(root: Path, socket: Path, files: int) -> str:
    """Return supervisord.conf; `files` is the number of file descriptors it may open."""
    # the pattern is split at white space, and the rest of a line after white space and `;` is a comment
    pattern = re.sub(r"\s", "?", glob.escape(str(root / "conf.d"))) + "/*.ini"
    file = socket.relative_to(root) if socket.is_relative_to(root) else socket
    return f"""[supervisord]
logfile=supervisord.log
logfile_maxbytes=1MB
logfile_backups=1
pidfile={PIDFILE}
directory=.
childlogdir=.
nocleanup=true
umask=077
minfds={files}
minprocs=1

[unix_http_server]
file={_escaped(str(file))}
chmod=0600

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[include]
files={_escaped(pattern)}
"""


def program_ini(program: Program, python: Path, launcher: Path) -> str:
    """Return conf.d/NAME.ini: the launcher as the program's command; nothing of the program itself."""
    command = f"{_word(str(python))} -S -E {_word(str(launcher))} programs/{program.name}/program.json {PIDFILE}"
    return f"""[program:{program.name}]
command={_escaped(command)}
autostart=true
autorestart={"true" if program.restart == "always" else "unexpected"}
exitcodes=0
startsecs=1
startretries={FOR_EVER}
stopwaitsecs={int(program.grace_s) + 1 + LAUNCHER_GRACE_S}
redirect_stderr=true
stdout_logfile=NONE
"""


def _escaped(text: str) -> str:
    return text.replace("%", "%%")


def _word(text: str) -> str:
    """Quote a word of a command, and keep a sign that opens a comment away from the white space before it."""
    return re.sub(r"(?<=\s)([;#])", r"''\1", shlex.quote(text))
