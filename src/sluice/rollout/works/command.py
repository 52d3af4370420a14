"""Running a user's command: its own process group, watched, and ended whole."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import IO

from sluice.rollout.works.secrets import hidden

MOST_BYTES = 32 * 1024 * 1024
_TAIL_BYTES = 4096
_LOOK_S = 0.05
_GRACE_S = 2.0
_CHUNK = 65_536


@dataclass(frozen=True)
class Ran:
    """How a command ended.

    Attributes:
        status: its exit status (negative: a signal's number); None where it was not started, or was ended by us.
        output: its standard output.
        errors: the last 4 KiB of its standard error.
        trouble: why it was not started or was ended, as the rest of a sentence; empty where it ended by itself.
    """

    status: int | None
    output: bytes = b""
    errors: str = ""
    trouble: str = ""

    def wrong(self, secrets: Iterable[str] = ()) -> str:
        """Return what is wrong with it, as the rest of a sentence and without the secrets; empty: nothing is."""
        last = self.errors.strip().splitlines()[-1:]
        said = f": {hidden(last[0].strip(), secrets)[:300]}" if last else ""
        if self.trouble:
            return f"{self.trouble}{said}"
        if not self.status:
            return ""
        ended = f"exit status {self.status}" if self.status > 0 else f"signal {-self.status}"
        return f"ended with {ended}{said}"


@dataclass(frozen=True)
class Command:
    """A command, where it runs, its whole environment (may hold secrets), its standard input, and its bounds."""

    argv: tuple[str, ...]
    folder: Path
    environ: Mapping[str, str] = field(repr=False)
    timeout_s: float
    given: bytes = field(default=b"", repr=False)
    most_bytes: int = MOST_BYTES


def run(command: Command, stop: Event) -> Ran:
    """Run a command to its end, and return how it ended; never raises for what the command does.

    It is the leader of a process group, which is ended (SIGTERM, two seconds later SIGKILL) when the time is over,
    when `stop` is set, when it prints more than `most_bytes`, and, for what it left running, when it has ended.
    """
    try:
        process = _started(command)
    except (OSError, ValueError, IndexError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is empty, or a part of it holds a zero byte"
        return Ran(None, trouble=f"can't be started ({reason})")
    with process:
        heard = _Heard(command.most_bytes)
        try:
            trouble = _followed(process, heard, command.timeout_s, stop)
        finally:
            _end_group(process)
    errors = bytes(heard.errors).decode(errors="replace")
    return Ran(None if trouble else process.returncode, bytes(heard.output), errors, trouble)


def _started(command: Command) -> subprocess.Popen[bytes]:
    with tempfile.TemporaryFile() as stdin:  # a pipe would block on a command that does not read
        stdin.write(command.given)
        stdin.seek(0)
        return subprocess.Popen(
            list(command.argv),
            cwd=command.folder,
            env=dict(command.environ),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )


@dataclass
class _Heard:
    """What the command has printed so far."""

    most_bytes: int
    output: bytearray = field(default_factory=bytearray)
    errors: bytearray = field(default_factory=bytearray)

    @property
    def too_much(self) -> str:
        """Why it must not go on printing; empty while it may."""
        return f"printed more than {self.most_bytes // 1024} KiB" if len(self.output) > self.most_bytes else ""

    def listen(self, selector: selectors.BaseSelector, seconds: float) -> bool:
        """Take in what has been printed, waiting so long for it; tell whether there was any."""
        taken = [self._took(selector, key) for key, _ in selector.select(seconds)]
        return any(taken)

    def _took(self, selector: selectors.BaseSelector, key: selectors.SelectorKey) -> bool:
        pipe: IO[bytes] = key.fileobj  # type: ignore[assignment]
        chunk = os.read(pipe.fileno(), _CHUNK)
        if not chunk:
            selector.unregister(pipe)
        elif key.data == "output":
            self.output += chunk
        else:
            self.errors = (self.errors + chunk)[-_TAIL_BYTES:]
        return bool(chunk)


def _followed(process: subprocess.Popen[bytes], heard: _Heard, timeout_s: float, stop: Event) -> str:
    """Listen until the command has ended; return why it must be ended instead, or nothing."""
    assert process.stdout is not None
    assert process.stderr is not None
    deadline = time.monotonic() + timeout_s
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, "output")
        selector.register(process.stderr, selectors.EVENT_READ, "errors")
        while process.poll() is None:
            heard.listen(selector, _LOOK_S)
            if stop.is_set():
                return "was stopped"
            if heard.too_much:
                return heard.too_much
            if time.monotonic() > deadline:
                return f"took longer than {timeout_s:g} s"
        while not heard.too_much and heard.listen(selector, 0):
            pass  # what it left in the pipes; what it left running may hold them open, so not to their end
    return heard.too_much


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End what is left of the group; the leader, if it lives, gets two seconds first."""
    if process.poll() is None:
        _signal_group(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_S)
    _signal_group(process.pid, signal.SIGKILL)
    process.wait()


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS refuses a group of zombies
        os.killpg(group, number)
