"""Running the few commands the engine's installation needs; none outlives its caller."""

from __future__ import annotations

import re
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_TAIL = 12  # lines kept to explain a failure
_CREDENTIALS = re.compile(r"//[^/@\s]+@")


def answer(argv: Sequence[str | Path], *, environ: Mapping[str, str], seconds: float = 20) -> str | None:
    """What a command says on stdout, stripped; None when it can't start, fails or takes too long."""
    try:
        done = subprocess.run(
            argv, env=environ, capture_output=True, stdin=subprocess.DEVNULL, timeout=seconds, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="replace").strip()


def follow(
    argv: Sequence[str | Path],
    *,
    folder: Path,
    environ: Mapping[str, str],
    on_line: Callable[[str], None],
    output: Path | None = None,
) -> tuple[int, str]:
    """Run a command to its end, handing on each line of its stderr; stdout goes to a file or nowhere.

    When the caller is interrupted, or `on_line` raises, the command is stopped first.

    Returns:
        The exit status, and the last lines of stderr without credentials.

    Raises:
        OSError: The command can't be started, or the output file can't be written.
    """
    tail: deque[str] = deque(maxlen=_TAIL)
    with (output or Path("/dev/null")).open("wb") as stdout:
        process = subprocess.Popen(
            argv, cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE
        )
        try:
            assert process.stderr is not None
            for raw in process.stderr:
                line = raw.decode(errors="replace").rstrip()
                tail.append(line)
                on_line(line)
            return process.wait(), without_credentials("\n".join(tail))
        finally:
            stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a child that still runs: first as Ctrl-C does, after ten seconds by force."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()
    if process.stderr is not None:
        process.stderr.close()


def without_credentials(text: str) -> str:
    """The text with `user:password@` taken out of its URLs: a module proxy's may hold some."""
    return _CREDENTIALS.sub("//", text)
