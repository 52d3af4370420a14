"""How each kind of inference server is started: command line, environment, folder and paths. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sluice.errors import SpecError
from sluice.plan.servers import ServerKind
from sluice.spec.frozen import frozen_map

APPS = Path(__file__).parent
FLOW_APP = "flow_app.py"
SCORING_SCRIPT_APP = "scoring_script_app.py"
ENGINES = ("flask", "fastapi")
# Longer than the gateway keeps an idle connection (60 s), so that the server never closes one first.
KEEP_ALIVE_SECONDS = 75
# Of each server: where it answers probes, where it takes requests.
PATHS: Mapping[ServerKind, tuple[str, str]] = {
    ServerKind.FLOW: ("/health", "/score"),
    ServerKind.SCORING_SCRIPT: ("/", "/score"),
    ServerKind.MLFLOW: ("/health", "/invocations"),
}
"""The servers that are ours to start; a container's own has the routes of its environment."""


@dataclass(frozen=True)
class Replica:
    """What one replica is started with. For a container, all paths are those inside of it.

    Attributes:
        python: the interpreter of the deployment's environment.
        folder: the flow, the code of the scoring script, or the MLflow model.
        port: a free one, on `host`.
        home: a folder of this replica's own, for what its server writes about itself.
        cores: how many this machine has.
        env: the deployment's environment variables, secrets resolved.
        model_dir: what AZUREML_MODEL_DIR is to tell; None where there is no model.
        scoring_script: below `folder`; only for a scoring script.
        connections: the file (mode 600) of the granted connections, as `flow_app.py` reads it.
        host: the address to listen on; a container is reached from outside of it.
        apps: the folder of our server scripts.
    """

    python: Path
    folder: Path
    port: int
    home: Path
    cores: int
    env: Mapping[str, str] = field(default_factory=frozen_map)
    model_dir: Path | None = None
    scoring_script: str | None = None
    connections: Path | None = None
    host: str = "127.0.0.1"
    apps: Path = APPS


@dataclass(frozen=True)
class Command:
    """A process to start in `cwd`. `argv` holds no secret; `env` may, and never shows in `repr`.

    `env` adds to what a process needs anyway (PATH, HOME). Requests go to `score_path`, probes to `health_path`.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    cwd: Path
    score_path: str
    health_path: str


def paths_of(kind: ServerKind) -> tuple[str, str]:
    """Return where a server of that kind answers health probes, and where it takes requests."""
    return PATHS[kind]


def server_command(kind: ServerKind, replica: Replica) -> Command:
    """Return how to start `replica` with a server of ours; on SIGTERM it ends what is in flight, then itself.

    Raises: SpecError where an environment variable of the server has a value the server can't take.
    """
    builders: Mapping[ServerKind, Callable[[Replica], _Start]] = {
        ServerKind.FLOW: _flow,
        ServerKind.SCORING_SCRIPT: _scoring_script,
        ServerKind.MLFLOW: _mlflow,
    }
    start = builders[kind](replica)
    health, score = paths_of(kind)
    argv = (str(replica.python), *start.arguments)
    return Command(argv, _environment(replica, start.env), start.cwd, score_path=score, health_path=health)


@dataclass(frozen=True)
class _Start:
    """What is particular to one kind of server: `arguments` follow the interpreter, `env` goes over the user's."""

    arguments: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path


def _flow(replica: Replica) -> _Start:
    engine = replica.env.get("PROMPTFLOW_SERVING_ENGINE", "flask")
    if engine not in ENGINES:
        raise SpecError(
            f"PROMPTFLOW_SERVING_ENGINE is {engine!r}, which prompt flow's serving does not have",
            remedy=f"Set it to {' or '.join(ENGINES)}.",
        )
    options = {
        "folder": replica.folder,
        "host": replica.host,
        "port": replica.port,
        "engine": engine,
        "workers": flow_workers(replica.env, replica.cores),
        "threads": positive_number(replica.env, "PROMPTFLOW_WORKER_THREADS", 1),
    }
    # The exporter that prompt flow loads asks a server of its maker for settings, telemetry or not.
    own = {"PF_HOME_DIRECTORY": str(replica.home), "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED": "true"}
    if replica.connections:
        own["SLUICE_CONNECTIONS"] = str(replica.connections)
    return _Start((str(replica.apps / FLOW_APP), *_flags(options)), own, replica.folder)


def flow_workers(env: Mapping[str, str], cores: int) -> int:
    """Return PROMPTFLOW_WORKER_NUM: one a core by default, at most two a core (the deploy document's limits)."""
    return min(positive_number(env, "PROMPTFLOW_WORKER_NUM", cores), 2 * cores)


def _scoring_script(replica: Replica) -> _Start:
    assert replica.scoring_script, "the server of a scoring script has one"
    options = {
        "entry_script": replica.folder / replica.scoring_script,
        "port": replica.port,
        "worker_count": positive_number(replica.env, "WORKER_COUNT", 1),
    }
    own = {"AML_APP_ROOT": str(replica.folder), "SLUICE_HOST": replica.host}
    return _Start((str(replica.apps / SCORING_SCRIPT_APP), *_flags(options)), own, replica.folder)


def _mlflow(replica: Replica) -> _Start:
    options = {
        "host": replica.host,
        "port": replica.port,
        "workers": positive_number(replica.env, "WORKER_COUNT", 1),
        "timeout-keep-alive": KEEP_ALIVE_SECONDS,
    }
    # As `mlflow models serve` does, without the shell it starts in between.
    own = {"__pyfunc_model_path__": replica.folder.as_uri(), "MLFLOW_DISABLE_TELEMETRY": "true"}
    return _Start(("-m", "uvicorn", *_flags(options), "mlflow.pyfunc.scoring_server.app:app"), own, replica.home)


def _flags(options: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(f"--{name}={value}" for name, value in options.items())


def _environment(replica: Replica, own: Mapping[str, str]) -> Mapping[str, str]:
    model = {"AZUREML_MODEL_DIR": str(replica.model_dir)} if replica.model_dir else {}
    return frozen_map({**replica.env, **model, **own})


def positive_number(env: Mapping[str, str], name: str, default: int) -> int:
    """Return the whole number in environment variable `name`. Raises: SpecError where it is none, or below 1."""
    text = env.get(name, str(default)).strip()
    if not (text.isascii() and text.isdecimal()) or int(text) < 1:
        raise SpecError(
            f"environment variable {name} is {text!r}, which is not a whole number above 0",
            remedy=f'Write {name}: "{default}", for example, or leave it out.',
        )
    return int(text)
