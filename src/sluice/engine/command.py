"""The engine as a child that gets its signals from us alone.

Ctrl-C in a terminal reaches every process of the foreground group; a second SIGINT makes Pulumi leave a
pending operation. So the engine runs in a session of its own and is interrupted exactly once.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from typing import IO, Any

from pulumi.automation import CommandResult, PulumiCommand
from pulumi.automation.errors import create_command_error

OnOutput = Callable[[str], Any]


class OwnSessionCommand(PulumiCommand):
    """Pulumi's command runner, its process in a session of its own."""

    def __init__(self, command: str, version: str) -> None:  # the base class would start a process to ask
        from semver import VersionInfo

        self.command = command
        self.version = VersionInfo.parse(version)
        self._process: subprocess.Popen[str] | None = None
        self._interrupted = False

    def interrupt(self) -> None:
        """Ask the engine to end cleanly, once; later calls do nothing."""
        process = self._process
        if process is None or self._interrupted or process.poll() is not None:
            return
        self._interrupted = True
        process.send_signal(signal.SIGINT)

    @property
    def interrupted(self) -> bool:
        """Tell whether the engine was asked to end."""
        return self._interrupted

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: OnOutput | None = None,
        on_error: OnOutput | None = None,
    ) -> CommandResult:
        """Run the engine to its end. Raises pulumi.automation.CommandError when it fails."""
        environment = {**os.environ, **additional_env, "PULUMI_AUTOMATION_API": "true"}
        with subprocess.Popen(
            [self.command, "--non-interactive", *args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=environment,
            encoding="utf-8",
            start_new_session=True,
        ) as process:
            self._process = process
            out, err = _collect(process.stdout, on_output), _collect(process.stderr, on_error)
            # Read to the end in here: leaving closes the streams.
            result = CommandResult("\n".join(out()), "\n".join(err()), process.wait())
        if result.code:
            raise create_command_error(result)
        return result


def _collect(stream: IO[str] | None, callback: OnOutput | None) -> Callable[[], list[str]]:
    """Read a stream in a thread of its own; the returned function waits for its end and returns the lines."""
    lines: list[str] = []

    def read() -> None:
        for line in stream or ():
            lines.append(line.rstrip())
            if callback:
                callback(line.rstrip())

    reader = threading.Thread(target=read, daemon=True)
    reader.start()

    def finished() -> list[str]:
        reader.join()
        return lines

    return finished
