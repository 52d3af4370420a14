"""Rollouts on this machine: the endpoint as the gatekeeper's world, and the gatekeeper under the supervisor."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from sluice.rollout.driver import Parts
from sluice.rollout.files import Open, RolloutFolder
from sluice.rollout.workers import Workers
from sluice.rollout.world import Case, Scene
from sluice.targets.local import deployments, gateways, recording, traffic
from sluice.targets.local.endpoints import gatekeeper_program, mint_token
from sluice.targets.local.files import read_json
from sluice.targets.local.processes.program import Program
from sluice.targets.local.processes.program import State as ProgramState
from sluice.targets.local.recordings import Recorded
from sluice.targets.local.state import EndpointState
from sluice.targets.local.target import LocalTarget
from sluice.traffic.router import Routing

_TOKEN_S = 24 * 3600
_RECORDED = 1000


def folder_of(target: LocalTarget, endpoint: str) -> RolloutFolder:
    """Return where an endpoint's rollouts are kept."""
    return RolloutFolder(target.paths.rollout(endpoint))


def project_of(target: LocalTarget) -> Path:
    """Return the project whose stack this is."""
    return target.paths.root.parents[2]


def parts_of(target: LocalTarget, walk: Open) -> Parts:
    """Return what drives a walk on this machine."""
    from sluice.rollout.documents import rollout_of
    from sluice.rollout.meters.local import local_meter
    from sluice.rollout.notify import Delivery, Teller
    from sluice.rollout.works import perform

    endpoint = walk.state.walk.endpoint
    folder = folder_of(target, endpoint)
    rollout = rollout_of(walk.started.rollout, read_json(folder.secrets) or {}, project_of(target))
    return Parts(
        folder=folder,
        rollout=rollout,
        world=LocalWorld(target, endpoint, walk),
        meter=local_meter(target, rollout, walk.state.walk, dict(walk.position) or None),
        workers=Workers(perform),
        teller=Teller(folder.root, rollout.notify, Delivery(root=project_of(target))),
    )


@dataclass(frozen=True)
class LocalWorld:
    """One endpoint on this machine; a `sluice.rollout.world.World`."""

    target: LocalTarget
    endpoint: str
    walk: Open

    def live(self) -> Routing:
        """Return what is routed now."""
        return gateways.router(self.target, self.endpoint).read()

    def route(self, routing: Routing) -> None:
        """Return when every new request is routed so."""
        traffic.open_walk(self.target, self.endpoint, self.walk.started.id)
        traffic.set_routing(self.target, self.endpoint, routing, walk=self.walk.started.id)

    def ready(self) -> Mapping[str, bool]:
        """Tell of each deployment whether the gateway finds a healthy replica."""
        return gateways.ready(self.target, self.endpoint)

    def prepare(self, green: str, like: str) -> str:
        """Bring `green` to as many replicas as `like` has."""
        stable = self._state().deployments.get(like)
        return deployments.scale(self.target, self.endpoint, green, len(stable.replicas)) if stable else ""

    def scene(self, folder: Path, stop: Event) -> Scene:
        """Return where the work of a step is done; the door is opened as a caller would."""
        state, walk = self._state(), self.walk.state.walk
        return Scene(
            endpoint=self.endpoint,
            stable=walk.blue,
            green=walk.green,
            url=f"http://127.0.0.1:{state.port}/score",
            root=project_of(self.target),
            folder=folder,
            headers={"authorization": f"Bearer {_credential(state)}"},
            recorded=tuple(_case(one, walk.blue) for one in recording.recorded(self.target, self.endpoint, _RECORDED)),
            stop=stop,
        )

    def settle(self, leaving: str, drain_s: float) -> bool:
        """Wait until nothing is in flight on a deployment that was left, at most `drain_s` seconds; tell whether so."""
        return gateways.router(self.target, self.endpoint).drained(leaving, drain_s)

    def give_free(self) -> None:
        """Let others change weights again."""
        traffic.close_walk(self.target, self.endpoint, self.walk.started.id)

    def last_words(self, deployment: str, lines: int) -> tuple[str, ...]:
        """Return the last lines of a deployment's first replica."""
        return last_words(self.target, self.endpoint, deployment, lines)

    def _state(self) -> EndpointState:
        return self.target.endpoint(self.endpoint).must_load()


def _case(one: Recorded, stable: str) -> Case:
    answer = one.answer if one.deployment == stable else None
    return Case(str(one.number), one.body, one.content_type, answer, one.status)


def last_words(target: LocalTarget, endpoint: str, deployment: str, lines: int) -> tuple[str, ...]:
    """Return the last lines of a deployment's first replica; none where it is gone."""
    state = target.endpoint(endpoint).load()
    found = state.deployments.get(deployment) if state else None
    return tuple(target.supervisor.log_tail(found.replicas[0].program, lines)) if found and found.replicas else ()


def supervise(target: LocalTarget, endpoint: str) -> None:
    """Have the supervisor keep a gatekeeper alive until the walk has ended. One that runs is left alone.

    One that has done its work, for the walk before this, is made anew.
    """
    target.supervisor.ensure()
    name = gatekeeper_program(endpoint)
    if any(one.name == name and one.state is ProgramState.COMPLETED for one in target.supervisor.programs()):
        dismiss(target, endpoint)
    target.supervisor.add(_program(target, endpoint))


def dismiss(target: LocalTarget, endpoint: str) -> None:
    """Stop the gatekeeper, and forget that it ran; one that is gone is no error."""
    target.supervisor.remove(gatekeeper_program(endpoint))


def _program(target: LocalTarget, endpoint: str) -> Program:
    project = project_of(target)
    words = ("-m", "sluice.rollout.gatekeeper", str(project), target.paths.root.name, endpoint)
    return Program(
        name=gatekeeper_program(endpoint),
        argv=(sys.executable, *words),
        cwd=project,
        # Commands of steps and metrics run below it: what a user's shell has is theirs too, but for secrets.
        env={key: os.environ[key] for key in ("PATH", "HOME", "LANG", "TZ", "SLUICE_CACHE") if key in os.environ},
        restart="on-failure",
    )


def _credential(state: EndpointState) -> str:
    return state.primary if state.auth_mode == "key" else mint_token(state, time.time(), _TOKEN_S)[0]
