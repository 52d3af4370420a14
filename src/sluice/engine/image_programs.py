"""The two programs that build and keep images, under a supervisor of their own in the cache folder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sluice.engine.processes import answer
from sluice.errors import BuilderFailed
from sluice.images.services import ImageFolder
from sluice.targets.local.processes.daemon import wait_until
from sluice.targets.local.processes.program import LivenessCheck, Program, State
from sluice.targets.local.processes.supervisor import Supervisor

START_S = 60.0
_TRIES = 3
# What BuildKit needs of the user's environment to pull and to run; proxies may hold credentials.
_INHERITED = ("PATH", "HOME", "USER", "XDG_RUNTIME_DIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "TMPDIR")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")


@dataclass(frozen=True)
class ImagePrograms:
    """Starts programs of this user's cache folder and says which run.

    Attributes:
        folder: Where their files lie.
        environ: The environment: PATH, proxies, certificates.
    """

    folder: ImageFolder
    environ: Mapping[str, str]

    @property
    def supervisor(self) -> Supervisor:
        """Keeps them running."""
        return Supervisor(self.folder.processes)

    def socket(self) -> Path:
        """Return BuildKit's address: a short path in a folder of mode 700."""
        runtime = self.supervisor.runtime
        with runtime.locked():
            return runtime.sockets() / "buildkitd.sock"

    def running(self) -> Mapping[str, int]:
        """Return the pids of what runs, by name."""
        if not self.folder.processes.exists():
            return {}
        return {state.name: state.pid for state in self.supervisor.programs() if state.pid is not None}

    def start(
        self,
        name: str,
        argv: tuple[str, ...],
        config: str,
        ready: Callable[[], bool],
        check: LivenessCheck | None = None,
    ) -> None:
        """Have a program run with this configuration, and answer; one that runs with another is restarted.

        Raises BuilderFailed with its last lines, SupervisorFailed, StorageFailed.
        """
        supervisor = self.supervisor
        supervisor.add(self._program(name, argv, config, check))
        if wait_until(lambda: True if ready() else self._given_up(name), START_S):
            return
        lines = supervisor.log_tail(name, 10)
        supervisor.remove(name)
        raise BuilderFailed(
            f"{name} does not start", remedy="Its last lines are above; mend the cause.", details="\n".join(lines)
        )

    def stop(self) -> None:
        """Stop all of them, and the supervisor."""
        supervisor = self.supervisor
        for name in supervisor.runtime.names():
            supervisor.remove(name)
        supervisor.stop_if_idle()

    def says(self, *argv: str, seconds: float = 10) -> str | None:
        """Return what a command prints; None when it fails, or prints nothing."""
        return answer(argv, environ=self.environ, seconds=seconds) or None

    def _given_up(self, name: str) -> bool | None:
        """Return False for a program that has died time and again, else None: it may still come."""
        state = next((state for state in self.supervisor.programs() if state.name == name), None)
        died = state is None or (state.state is State.RESTARTING and state.restarts >= _TRIES)
        return False if died else None

    def _program(self, name: str, argv: tuple[str, ...], config: str, check: LivenessCheck | None) -> Program:
        """Return the program; its environment names its configuration, so that another one restarts it."""
        env = {key: self.environ[key] for key in _INHERITED if key in self.environ}
        proxies = {key: value for key, value in self.environ.items() if key.upper() in _PROXIES}
        mark = hashlib.sha256(config.encode()).hexdigest()[:16]
        return Program(
            name=name,
            argv=argv,
            cwd=self.folder.root,
            env={**env, "LANG": "C.UTF-8", "SLUICE_CONFIGURATION": mark},
            secret_env=proxies,
            liveness=check,
            grace_s=20,
        )
