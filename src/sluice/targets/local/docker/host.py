"""This machine's Docker: found, asked what it has, and its errors in our words."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sluice.errors import DockerFailed
from sluice.targets.local.docker.engine import Engine, Machine, Refused, Unreachable
from sluice.targets.local.docker.sockets import UNIX, find_docker


@dataclass(frozen=True)
class Host:
    """Docker as it was found: where it listens, and what it has to give."""

    address: str
    machine: Machine

    @classmethod
    def here(cls) -> Host:
        """Return this machine's. Raises DockerFailed."""
        address = docker_address()
        engine = connected(address)
        with docker_errors(address):
            return cls(address, engine.machine())


def docker_address() -> str:
    """Return where this machine's Docker listens. Raises DockerFailed where there is none."""
    return find_docker(os.environ, Path.home(), os.getuid(), Path.is_socket)


def connected(address: str) -> Engine:
    """Return a connection to Docker. Raises DockerFailed where it does not answer."""
    with docker_errors(address):
        try:
            from sluice.targets.local.docker.sdk import DockerEngine
        except ImportError as error:
            raise DockerFailed(
                f"runtime docker needs Docker's SDK for Python ({error})",
                remedy="Install it: pip install 'sluice[local]'",
            ) from None
        return DockerEngine(address)


@contextmanager
def docker_errors(address: str) -> Iterator[None]:
    """Turn what Docker does not do into DockerFailed."""
    try:
        yield
    except Unreachable as error:
        raise DockerFailed(
            f"Docker does not answer at {address.removeprefix(UNIX)}: {error}",
            remedy="Start it (systemctl start docker) and see that you may use it (group docker), or run deployments"
            " as processes: `runtime: process` in the stack's settings.",
        ) from None
    except Refused as refusal:
        raise DockerFailed(f"Docker refuses: {refusal}", remedy="See what Docker itself says: docker info") from None
