"""What a runner, and whoever prepares its container, asks of Docker."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from sluice.spec.frozen import frozen_map
from sluice.targets.local.docker.limits import Limits
from sluice.targets.local.docker.spec import SPEC_LABEL, ContainerSpec


class Unreachable(Exception):
    """Docker does not answer; it may be back later."""


class Refused(Exception):
    """Docker says no; the text is its reason."""


@dataclass(frozen=True)
class Container:
    """A container as Docker has it. `error` is why it could not be started; `user` is the image's or the given one."""

    id: str
    running: bool
    labels: Mapping[str, str] = field(default_factory=frozen_map)
    exit_code: int = 0
    out_of_memory: bool = False
    error: str = ""
    user: str = ""

    def is_of(self, spec: ContainerSpec) -> bool:
        """Tell whether it was made from this very spec."""
        return self.labels.get(SPEC_LABEL) == spec.digest


@dataclass(frozen=True)
class Machine:
    """What Docker has to give: its size, whether it runs as a user, whether it has a bridge network; its version."""

    size: Limits
    rootless: bool
    bridge: bool
    version: str = ""


class Engine(Protocol):
    """Docker. Every method raises Unreachable, and Refused."""

    def machine(self) -> Machine:
        """Return what Docker has to give."""

    def image_id(self, reference: str) -> str | None:
        """Return the id of an image that is on this machine; None where it is not."""

    def pull(self, reference: str, report: Callable[[str], None]) -> None:
        """Fetch an image."""

    def find(self, name: str) -> Container | None:
        """Return the container with this name."""

    def create(self, spec: ContainerSpec, secret_env: Mapping[str, str]) -> str:
        """Make a container, not yet running; return its id."""

    def passwd(self, identifier: str) -> str:
        """Return the /etc/passwd of a container; empty where it has none."""

    def start(self, identifier: str) -> None:
        """Start a container."""

    def wait(self, identifier: str) -> int:
        """Return a container's exit status once it has ended."""

    def stop(self, identifier: str, grace_s: int) -> None:
        """Ask a container to end, and kill it after `grace_s` seconds; one that is gone is no error."""

    def remove(self, identifier: str) -> None:
        """Remove a container, running or not; one that is gone is no error."""

    def memory_kills(self, identifier: str) -> Iterator[None]:
        """Yield each time a process of a container is killed for want of memory."""

    def logs(self, identifier: str, since: float) -> Iterator[bytes]:
        """Yield what a container writes, `TIME TEXT` a piece, until it ends; `since` in seconds since 1970."""
