"""The container of a replica, from what its deployment is wished to be. Pure.

Paths inside are Azure's ("Deploy a custom container to an online endpoint"): a model lies in
`/var/azureml-app/azureml-models/NAME/VERSION`, or in `NAME/VERSION` below the deployment's `model_mount_path`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sluice.errors import DockerFailed
from sluice.plan.servers import ServerKind
from sluice.targets.local.docker.engine import Machine
from sluice.targets.local.docker.host import Host
from sluice.targets.local.docker.limits import Limits, limits_of
from sluice.targets.local.docker.spec import (
    CONNECTIONS_FILE,
    ENVIRONMENT_FILE,
    SECRETS,
    ContainerSpec,
    Mount,
    Network,
)
from sluice.targets.local.serving.commands import APPS, FLOW_APP, SCORING_SCRIPT_APP, Command, server_command
from sluice.targets.local.serving.commands import Replica as Server
from sluice.targets.local.state import Replica
from sluice.targets.local.wish import Wish

PORT: Final = 8080
GRACE_S: Final = 30
# Docker's own default: many an image's server, being process 1, does not hear SIGTERM, and it was drained before.
CONTAINER_GRACE_S: Final = 10
AZURE_ROOT: Final = Path("/var/azureml-app")
MODELS: Final = AZURE_ROOT / "azureml-models"
CODE: Final = AZURE_ROOT / "code"
OWN: Final = Path("/opt/sluice")
HOME: Final = Path("/tmp/sluice")  # noqa: S108 - in the container, which nobody shares
ENTRY: Final = "entry.py"


@dataclass(frozen=True)
class Order:
    """What a container is made from.

    `content` and `code` are folders of this machine; `variables` are no secrets; `granted` tells whether the
    folder `secrets` has connections.
    """

    name: str
    wish: Wish
    replica: Replica
    host: Host
    user: tuple[int, int]
    secrets: Path
    content: Path | None
    code: Path | None
    variables: Mapping[str, str]
    granted: bool

    @property
    def limits(self) -> Limits | None:
        """What the instance type allows, on this machine."""
        return limits_of(self.wish.instance_type, self.host.machine.size)[0]

    @property
    def cores(self) -> int:
        """How many cores the server may count on."""
        return (self.limits or self.host.machine.size).cores


def container_spec(order: Order) -> ContainerSpec:
    """Return the container to keep. Raises DockerFailed where it needs a network that Docker has not."""
    network = network_of(order.wish, order.host.machine)
    port = order.replica.port if network == "host" else (order.wish.routes.port if order.wish.routes else PORT)
    command = None if order.wish.server is ServerKind.CONTAINER else _command(order, port, network)
    limits = order.limits
    return ContainerSpec(
        name=order.name,
        replica=order.replica.program,
        address=order.host.address,
        image=order.wish.environment,
        port=order.replica.port,
        container_port=port,
        secrets=str(order.secrets),
        network=network,
        command=_entry(command) if command else None,
        env=_own_environment(command) if command else {**order.variables, **_model_variable(order.wish)},
        mounts=tuple(_mounts(order)),
        user=user_of(*order.user, order.host.machine) if command else None,
        cores=limits.cores if limits else None,
        memory=limits.memory if limits else None,
        grace_s=GRACE_S if command else CONTAINER_GRACE_S,
    )


def network_of(wish: Wish, machine: Machine) -> Network:
    """Return the network of a replica: a bridge, else the machine's own, where a server of ours takes any port."""
    if machine.bridge:
        return "bridge"
    if wish.routes is None:
        return "host"
    raise DockerFailed(
        f"deployment {wish.title}: its container listens on port {wish.routes.port}, which can only be published from"
        " a bridge network, and Docker has none",
        remedy="Start Docker with a bridge (without --bridge=none).",
    )


def user_of(uid: int, gid: int, machine: Machine) -> str | None:
    """Return whom a server of ours runs as, so that it can read what this user's files allow and no other can.

    Root inside of a rootless Docker is this user outside. What root starts runs as the image says: the runner gives
    that user the files.
    """
    if machine.rootless:
        return "0:0"
    return f"{uid}:{gid}" if uid else None


def model_version_folder(wish: Wish) -> Path | None:
    """Return what AZUREML_MODEL_DIR tells in the container."""
    if wish.model is None:
        return None
    return Path(wish.mount_path or MODELS) / str(wish.model["name"]) / str(wish.model["version"])


def model_folder(wish: Wish) -> Path | None:
    """Return where a model's files are mounted: below the version's folder, under the name of their own."""
    version, folder = model_version_folder(wish), (wish.model or {}).get("folder")
    return version / folder if version and folder else version


def _command(order: Order, port: int, network: Network) -> Command:
    wish = order.wish
    server = Server(
        python=Path("python3"),
        folder=(CODE if wish.code else model_folder(wish)) or HOME,
        port=port,
        home=HOME,
        cores=order.cores,
        env=order.variables,
        model_dir=model_version_folder(wish),
        scoring_script=wish.code["scoringScript"] if wish.code else None,
        connections=Path(SECRETS, CONNECTIONS_FILE) if order.granted else None,
        host="127.0.0.1" if network == "host" else "0.0.0.0",  # noqa: S104 - inside of the container
        apps=OWN,
    )
    return server_command(wish.server, server)


def _entry(command: Command) -> tuple[str, ...]:
    """Return the arguments of the image's python: the entry first, which reads the secrets."""
    return (str(OWN / ENTRY), f"{SECRETS}/{ENVIRONMENT_FILE}", str(command.cwd), *command.argv[1:])


def _own_environment(command: Command) -> Mapping[str, str]:
    return {"HOME": str(HOME), "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"} | dict(command.env)


def _model_variable(wish: Wish) -> Mapping[str, str]:
    folder = model_version_folder(wish)
    return {"AZUREML_MODEL_DIR": str(folder)} if folder else {}


def _mounts(order: Order) -> Iterator[Mount]:
    target = model_folder(order.wish)
    if order.content and target:
        yield Mount(str(order.content), str(target))
    if order.code:
        yield Mount(str(order.code), str(CODE))
    if order.wish.server is not ServerKind.CONTAINER:
        yield Mount(str(Path(__file__).with_name(ENTRY)), str(OWN / ENTRY))
        yield from (Mount(str(APPS / app), str(OWN / app)) for app in (FLOW_APP, SCORING_SCRIPT_APP))
