"""Replicas: model servers as supervised processes or containers, each with its own port and home folder."""

from __future__ import annotations

import http.client
import os
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sluice.errors import DeploymentFailed, Interrupted
from sluice.plan.flow_settings import VARIABLE, Place, config_override
from sluice.plan.runtimes import Runtime
from sluice.plan.servers import ServerKind
from sluice.targets.local.docker.replicas import RUNNER_GRACE_S, Given, remove_left, runner_command
from sluice.targets.local.environments import environment_of
from sluice.targets.local.files import remove_tree, storage_errors, write_json
from sluice.targets.local.processes.ports import free_port
from sluice.targets.local.processes.program import LivenessCheck, Program
from sluice.targets.local.secrets import injected
from sluice.targets.local.serving.commands import Replica as Server
from sluice.targets.local.serving.commands import server_command
from sluice.targets.local.state import Replica
from sluice.targets.local.target import LocalTarget
from sluice.targets.local.wish import Wish

# Enough for the chain of tracebacks with which the inference servers report a script that fails.
LOG_LINES = 40
POLL_S = 0.05
# Between two of several passes of a probe; as quick as Envoy asks a replica that is not in yet.
AGAIN_S = 0.5
PROCESS_GRACE_S = 30.0
_ERROR = re.compile(r"\b[A-Z]\w*(Error|Exception|Granted|NotFound)\b: .+")
_CONTENT = re.compile(r"/contents/([0-9a-f]{64})")


def start(
    target: LocalTarget, wish: Wish, names: tuple[str, ...], credentials: Mapping[str, Any]
) -> tuple[Replica, ...]:
    """Start one process or container per name; whether they serve is `wait_ready`'s to say."""
    if not names:
        return ()
    target.report(f"starting {len(names)} replica{'s'[: len(names) != 1]}")
    target.supervisor.ensure()
    image = wish.environment if wish.runtime is Runtime.DOCKER else None
    started = tuple(Replica(name, free_port(), str(wish.runtime), image) for name in names)
    for replica in started:
        _start_one(target, wish, replica, credentials)
    return started


def wait_ready(target: LocalTarget, wish: Wish, fresh: tuple[Replica, ...], kept: tuple[Replica, ...]) -> None:
    """Return when each has passed the readiness probe `success_threshold` times in a row.

    A fresh one that ends even once has failed; a kept one may be on its way back.

    Raises:
        DeploymentFailed: a fresh one ended, or one was not ready in the time the readiness probe allows.
        Interrupted: the user stopped the update.
    """
    probe, health = wish.readiness, wish.readiness_path
    pace = POLL_S if probe.success_threshold == 1 else min(float(probe.period), AGAIN_S)
    allowed = probe.initial_delay + probe.period * probe.failure_threshold + pace * (probe.success_threshold - 1)
    deadline = time.monotonic() + allowed
    passed = dict.fromkeys((*fresh, *kept), 0)
    while waiting := [replica for replica, times in passed.items() if times < probe.success_threshold]:
        _refuse_interrupted(target)
        _refuse_ended(target, [replica for replica in waiting if replica in fresh])
        for replica in waiting:
            passed[replica] = passed[replica] + 1 if ready(replica.port, health, probe.timeout) else 0
        missing = [replica for replica in waiting if passed[replica] < probe.success_threshold]
        if missing and time.monotonic() > deadline:
            raise _failure(target, missing[0], f"was not ready within {allowed:g} s")
        target.report(f"{len(passed) - len(missing)} of {len(passed)} replicas ready")
        time.sleep(pace if missing else 0)


def running(target: LocalTarget, endpoint: str) -> frozenset[str]:
    """Return the programs of an endpoint that are alive."""
    programs = target.supervisor.programs()
    return frozenset(p.name for p in programs if p.name.startswith(f"{endpoint}.") and p.state == "running")


def remove(target: LocalTarget, names: Iterable[str]) -> None:
    """Stop programs and remove their folders, and their containers; what is gone is no error."""
    for name in names:
        target.supervisor.remove(name)
        remove_left(target, _home(target, name))
        remove_tree(_home(target, name))


def _home(target: LocalTarget, name: str) -> Path:
    return target.paths.root / "replicas" / name


@dataclass(frozen=True)
class _Launch:
    """How a replica's program is run: `env` shows in its documents, `secret_env` does not."""

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    secret_env: Mapping[str, str]
    grace_s: float


def _start_one(target: LocalTarget, wish: Wish, replica: Replica, credentials: Mapping[str, Any]) -> None:
    home = _home(target, replica.program)
    with storage_errors(home):
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
    by_name = {wish.connections[used]: bundle for used, bundle in credentials.items()}
    referred = injected(wish.variables, by_name, whole=wish.server is not ServerKind.FLOW)
    given = Given(_variables(wish), {**wish.secret_variables, **referred}, credentials)
    launch = _container if wish.runtime is Runtime.DOCKER else _process
    target.supervisor.add(_program(wish, replica, launch(target, wish, replica, home, given)))


def _process(target: LocalTarget, wish: Wish, replica: Replica, home: Path, given: Given) -> _Launch:
    connections = home / "connections.json" if given.connections else None
    if connections:
        write_json(connections, dict(given.connections))
    content = target.models.content(wish.content) if wish.content else None
    code = target.models.content(wish.code["contentHash"]) if wish.code else None
    server = Server(
        python=environment_of(wish.environment).python,
        folder=code or content or home,
        port=replica.port,
        home=home,
        cores=os.cpu_count() or 1,
        env=given.variables,
        model_dir=_model_dir(home, content, (wish.model or {}).get("folder")),
        scoring_script=wish.code["scoringScript"] if wish.code else None,
        connections=connections,
    )
    command = server_command(wish.server, server)
    return _Launch(command.argv, command.cwd, _base(home) | dict(command.env), given.secret_variables, PROCESS_GRACE_S)


def _container(target: LocalTarget, wish: Wish, replica: Replica, home: Path, given: Given) -> _Launch:
    argv = runner_command(target, wish, replica, home, given)
    return _Launch(argv, home, _base(home), {}, RUNNER_GRACE_S)


def _base(home: Path) -> dict[str, str]:
    return {"PATH": os.defpath, "HOME": str(home), "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}


def _model_dir(home: Path, content: Path | None, folder: str | None) -> Path | None:
    """Return what AZUREML_MODEL_DIR tells: as on Azure, a folder in which the model's own folder lies by its name."""
    if content is None or folder is None:
        return content
    link = home / "model" / folder
    with storage_errors(link):
        link.parent.mkdir(exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(content, target_is_directory=True)
    return link.parent


def _variables(wish: Wish) -> dict[str, str]:
    variables = dict(wish.variables)
    if wish.server is ServerKind.FLOW:
        # On this machine prompt flow's serving never reads it (only its `azureml` extension does); a flow's code may.
        place = Place("local", "local", "local", wish.endpoint, wish.name)
        variables[VARIABLE] = config_override(variables.get(VARIABLE), place)
    return variables


def _program(wish: Wish, replica: Replica, launch: _Launch) -> Program:
    probe = wish.liveness
    return Program(
        name=replica.program,
        argv=launch.argv,
        cwd=launch.cwd,
        env=launch.env,
        secret_env=launch.secret_env,
        liveness=LivenessCheck(
            url=f"http://127.0.0.1:{replica.port}{wish.liveness_path}",
            initial_delay_s=probe.initial_delay,
            period_s=probe.period,
            timeout_s=probe.timeout,
            failure_threshold=probe.failure_threshold,
            success_threshold=probe.success_threshold,
        ),
        grace_s=launch.grace_s,
    )


def ready(port: int, path: str, timeout_s: float) -> bool:
    """Ask a server on this machine for its health; 2xx and 3xx are yes."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request("GET", path)
        return 200 <= connection.getresponse().status < 400
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _refuse_interrupted(target: LocalTarget) -> None:
    if target.cancelled():
        raise Interrupted("stopped before the new replicas were ready; what served before still serves")


def _refuse_ended(target: LocalTarget, waiting: list[Replica]) -> None:
    states = {program.name: program for program in target.supervisor.programs()}
    for replica in waiting:
        program = states.get(replica.program)
        if program is not None and program.restarts:
            raise _failure(target, replica, "ended while it started")


def _failure(target: LocalTarget, replica: Replica, what: str) -> DeploymentFailed:
    lines = [_by_name(target, line) for line in target.supervisor.log_tail(replica.program, LOG_LINES)]
    endpoint, name, _ = replica.program.split(".")
    state = target.endpoint(endpoint).load()
    serves = "What served before still serves. " if state and name in state.deployments else ""
    why = cause(lines)
    return DeploymentFailed(
        f"replica {replica.program} {what}{f': {why}' if why else ''}; its last log lines:",
        details="\n".join(lines) or "(it wrote nothing)",
        remedy=f"{serves}Mend the model or its environment and run again.",
    )


def cause(lines: Sequence[str]) -> str:
    """Return the last line that names an error of Python's, without what stands before it; nothing if none does."""
    found = (_ERROR.search(line) for line in reversed(lines))
    return next((match[0].strip() for match in found if match), "")


def _by_name(target: LocalTarget, line: str) -> str:
    """Return a log line with the user's path in place of where a model's files are kept."""
    found = _CONTENT.search(line)
    records = target.models.versions.values() if found else ()
    path = next((record["path"] for record in records if found and record["contentHash"] == found[1]), None)
    return line.replace(str(target.models.content(found[1])), path) if found and path else line
