"""What a runner is told: the container it keeps, as a document. Pure.

No secret stands here: they lie in a folder of their own, `secrets`, which is mounted for servers of ours.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from sluice.spec.frozen import frozen_map

REPLICA_LABEL: Final = "sluice.replica"
SPEC_LABEL: Final = "sluice.spec"
ENVIRONMENT_FILE: Final = "environment.json"
CONNECTIONS_FILE: Final = "connections.json"
SECRETS: Final = "/run/sluice"
"""Where the folder of secrets is mounted, read-only."""

Json = dict[str, Any]
Network = Literal["bridge", "host"]


@dataclass(frozen=True)
class Mount:
    """A file or folder of this machine at a path of the container, read-only."""

    source: str
    target: str


@dataclass(frozen=True)
class ContainerSpec:
    """A container to keep running.

    Attributes:
        name: the container's, unique on this machine: it has the mark of the stack's folder.
        replica: the program's name, for people and labels.
        address: where Docker listens.
        image: an image's id.
        network: `bridge` publishes `container_port` on 127.0.0.1:`port`; `host` has the server listen there itself.
        command: arguments of python for a server of ours; None runs the image's own entrypoint.
        env: variables that are no secret.
        secrets: the folder (mode 700) of `environment.json` and `connections.json` (mode 600).
        user: whom to run as, as `uid:gid`; None leaves it to the image.
        cores, memory: limits; memory in bytes.
        grace_s: seconds between SIGTERM and SIGKILL.
    """

    name: str
    replica: str
    address: str
    image: str
    port: int
    container_port: int
    secrets: str
    network: Network = "bridge"
    command: tuple[str, ...] | None = None
    env: Mapping[str, str] = field(default_factory=frozen_map)
    mounts: tuple[Mount, ...] = ()
    user: str | None = None
    cores: int | None = None
    memory: int | None = None
    grace_s: int = 30

    @property
    def digest(self) -> str:
        """Return a hash of all of it: a container that was made from another spec is not adopted."""
        return hashlib.sha256(document(self).encode()).hexdigest()

    @property
    def labels(self) -> Mapping[str, str]:
        """Return the container's labels."""
        return {REPLICA_LABEL: self.replica, SPEC_LABEL: self.digest}


def container_name(root: Path, program: str) -> str:
    """Return the name of a replica's container: no other stack on this machine has it."""
    return f"sluice-{hashlib.sha256(str(root).encode()).hexdigest()[:8]}-{program}"


def document(spec: ContainerSpec) -> str:
    """Return a spec as JSON."""
    plain = vars(spec) | {"env": dict(spec.env), "mounts": [vars(mount) for mount in spec.mounts]}
    return json.dumps(plain, indent=1, sort_keys=True)


def parse(text: str) -> ContainerSpec:
    """Read back what `document` wrote."""
    raw: Json = json.loads(text)
    return ContainerSpec(
        **raw
        | {
            "mounts": tuple(Mount(**mount) for mount in raw["mounts"]),
            "command": None if raw["command"] is None else tuple(raw["command"]),
            "env": frozen_map(raw["env"]),
        }
    )


def api_config(spec: ContainerSpec, secret_env: Mapping[str, str]) -> Json:
    """Return the body of Docker's `POST /containers/create`.

    `secret_env` is for images with an entrypoint of their own: their variables can't be given in another way.
    """
    environment = {**spec.env, **secret_env}
    port = f"{spec.container_port}/tcp"
    config: Json = {
        "Image": spec.image,
        "Env": [f"{name}={value}" for name, value in environment.items()],
        "Labels": dict(spec.labels),
        "HostConfig": _host_config(spec, port),
    }
    if spec.network == "bridge":
        config |= {"ExposedPorts": {port: {}}}
    if spec.command:
        config |= {"Entrypoint": ["python3"], "Cmd": list(spec.command), "WorkingDir": "/"}
    if spec.user:
        config |= {"User": spec.user}
    return config


def _host_config(spec: ContainerSpec, port: str) -> Json:
    config: Json = {
        "NetworkMode": spec.network,
        "Mounts": [{"Type": "bind", "Source": m.source, "Target": m.target, "ReadOnly": True} for m in _mounts(spec)],
        "RestartPolicy": {"Name": "no"},  # the launcher restarts the runner
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "2"}},
    }
    if spec.network == "bridge":
        config |= {
            "PortBindings": {port: [{"HostIp": "127.0.0.1", "HostPort": str(spec.port)}]},
            "ExtraHosts": ["host.docker.internal:host-gateway"],
        }
    if spec.cores:
        config |= {"NanoCpus": spec.cores * 10**9}
    if spec.memory:
        config |= {"Memory": spec.memory, "MemorySwap": spec.memory}
    if spec.command:
        config |= {"SecurityOpt": ["no-new-privileges"]}
    return config


def _mounts(spec: ContainerSpec) -> tuple[Mount, ...]:
    return (*spec.mounts, Mount(spec.secrets, SECRETS)) if spec.command else spec.mounts


def owner_in(user: str, passwd: str) -> tuple[int, int]:
    """Return uid and gid of an image's `User` (name or number, with or without group), by its /etc/passwd.

    A group that is a name is the user's own; what can't be told is root's.
    """
    name, _, group = user.partition(":")
    for line in passwd.splitlines():
        fields = line.split(":")
        if len(fields) > 3 and name in (fields[0], fields[2]):
            return int(fields[2]), int(group) if re.fullmatch(r"\d+", group) else int(fields[3])
    return (int(name), int(group) if re.fullmatch(r"\d+", group) else 0) if re.fullmatch(r"\d+", name) else (0, 0)
