"""A project whose walks a test starts, waits for, looks at, kills the parts of, and takes back to their beginning."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from projects import Load, Project, processes_of, wait_until
from rollout_project import give_all_to, rollout_project, write_deployment, write_rollout

from sluice.errors import SluiceError
from sluice.rollout import control, local
from sluice.rollout.files import Ended, RolloutFolder
from sluice.rollout.models import Command, Phase, State
from sluice.spec.frozen import frozen_map
from sluice.targets.local import gateways, traffic
from sluice.targets.local.endpoints import gatekeeper_program
from sluice.targets.local.processes.program import ProgramState
from sluice.targets.local.state import EndpointState
from sluice.targets.local.target import LocalTarget
from sluice.traffic.router import Routing

NAME = "town-books"
BLUE, GREEN = {"blue": 100}, {"green": 100}
CANARY = """\
steps:
  - weight: 10
    hold: 1s
  - pause: ask the librarian
  - weight: 50
    hold: 1s
  - bake: 1s
analysis: []
"""
"""All kinds of moments, and nothing that has to be measured."""


@dataclass
class Stage:
    """Blue serves and green stands beside it. Every walk that is planned is of a version that was never tried."""

    project: Project
    rounds: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def target(self) -> LocalTarget:
        return LocalTarget.of(self.project.root, "dev")

    @property
    def folder(self) -> RolloutFolder:
        return local.folder_of(self.target, NAME)

    @property
    def endpoint(self) -> EndpointState:
        return self.target.endpoint(NAME).must_load()

    @property
    def state(self) -> State | None:
        """The walk's state, as it is shown to those who look."""
        return self.folder.shown()

    def plan(self, steps: str = CANARY, **green: str) -> None:
        """Write a rollout to all of green, which sees `green` as its environment variables."""
        write_deployment(self.project, "green", **green)
        write_rollout(self.project, f"{steps}drain: {300 + next(self.rounds)}s\n")
        give_all_to(self.project, GREEN)

    def up(self, *options: str) -> subprocess.CompletedProcess[str]:
        return self.project.call("up", "--yes", *options)

    def paused(self) -> None:
        """Walk to a pause."""
        done = self.up()
        assert done.returncode == 3, said(done)
        assert self.walk().phase is Phase.PAUSED

    def walk(self) -> State:
        state = self.state
        assert state is not None
        return state

    def until(self, true: Callable[[State], bool], seconds: float = 60) -> State:
        """Wait until a walk's state is as it should be."""

        def holds() -> bool:
            state = self.state
            return state is not None and true(state)

        try:
            wait_until(holds, seconds)
        except AssertionError:
            raise AssertionError(f"the walk is not there in time: {self.state}") from None
        return self.walk()

    def ended(self, seconds: float = 60) -> Ended:
        """Wait until nothing is open, and return the last walk."""
        wait_until(self._is_free, seconds)
        return self.folder.history()[-1]

    def live(self) -> Mapping[str, int]:
        """Return the weights above 0 that the gateway has."""
        weights = gateways.router(self.target, NAME).read().weights
        return {name: weight for name, weight in weights.items() if weight}

    def told(self) -> dict[str, Any]:
        """Return what `sluice rollout status --json` says."""
        found: dict[str, Any] = json.loads(self.project.must("rollout", "status", "--json"))["endpoints"][0]["rollout"]
        return found

    def promote(self) -> None:
        control.give(self.target, NAME, Command.PROMOTE, "test")

    def back(self) -> None:
        """End what is open, and give blue all of the traffic."""
        if control.is_open(self.folder):
            control.give(self.target, NAME, Command.ABORT, "test")
        wait_until(self._is_free, 60)
        if self.live() != BLUE:
            self.weights(**BLUE)

    def order_abort(self) -> None:
        """Order it, and don't wait."""
        self.folder.order(Command.ABORT, "test")

    def weights(self, **weights: int) -> None:
        """Set weights behind everybody's back."""
        traffic.set_routing(self.target, NAME, Routing(frozen_map(weights)))

    def load(self, threads: int = 2) -> Load:
        """Requests without end, from when it is entered."""
        return Load(self.endpoint.port, self.endpoint.primary, threads)

    def program(self, name: str) -> ProgramState:
        return next(one for one in self.target.supervisor.programs() if one.name == name)

    def gatekeeper(self) -> int:
        """Return the gatekeeper's pid, once it drives the walk."""
        wait_until(self.folder.alive)
        return self.pid(gatekeeper_program(NAME))

    def replica(self, deployment: str) -> str:
        return self.endpoint.deployments[deployment].replicas[0].program

    def pid(self, program: str) -> int:
        wait_until(lambda: self.program(program).pid is not None)
        pid = self.program(program).pid
        assert pid is not None
        return pid

    def pids(self, word: str) -> list[int]:
        """Return the processes of the project whose command line has a word."""
        return [int(line.split()[0]) for line in processes_of(self.project.root) if word in line]

    def kill_all(self, *words: str) -> None:
        """Kill -9 what has one of the words in its command line."""
        for word in words:
            for pid in self.pids(word):
                killed(pid)

    def _is_free(self) -> bool:
        return not control.is_open(self.folder) and not self.endpoint.walk


def killed(pid: int) -> None:
    """Kill -9 one process; one that is gone by then is no error."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def parent(pid: int) -> int:
    """Return who started a process: of a supervised one, what keeps it alive."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@contextmanager
def dead(stage: Stage, program: str) -> Iterator[None]:
    """A program that is killed, and not started again as long as this lasts."""
    pid = stage.pid(program)
    keeper = parent(pid)
    os.kill(keeper, signal.SIGSTOP)
    try:
        killed(pid)
        yield
    finally:
        os.kill(keeper, signal.SIGCONT)


def said(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout + done.stderr


@contextmanager
def stage_in(root: Path) -> Iterator[Stage]:
    """Lend a stage with both deployments."""
    with rollout_project(root) as project:
        stage = Stage(project)
        write_deployment(project, "green")
        project.must("up", "--yes")
        try:
            yield stage
        finally:
            try:
                stage.back()
            except (SluiceError, AssertionError):
                shutil.copytree(stage.folder.root, root.with_name("left-of-the-rollout"), dirs_exist_ok=True)
                raise
