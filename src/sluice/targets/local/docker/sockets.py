"""Where Docker, or Podman's Docker API, listens on this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from sluice.errors import DockerFailed

UNIX: Final = "unix://"
_REMEDY: Final = (
    "Install Docker (Debian: apt install docker.io) or Podman (podman system service), or name its socket in"
    " DOCKER_HOST; or run deployments as processes: `runtime: process` in the stack's settings."
)


def docker_addresses(environ: Mapping[str, str], home: Path, uid: int) -> tuple[str, ...]:
    """Return the addresses to look at, the first that is there counts: pure.

    DOCKER_HOST stands alone. Then Docker's own, rootless and desktop sockets; then Podman's, the user's first.
    """
    if host := environ.get("DOCKER_HOST", "").strip():
        return (host,)
    own = Path(environ.get("XDG_RUNTIME_DIR") or f"/run/user/{uid}")
    sockets = (
        Path("/var/run/docker.sock"),
        own / "docker.sock",
        home / ".docker/run/docker.sock",
        home / ".docker/desktop/docker.sock",
        own / "podman/podman.sock",
        Path("/run/podman/podman.sock"),
    )
    return tuple(f"{UNIX}{socket}" for socket in sockets)


def find_docker(environ: Mapping[str, str], home: Path, uid: int, is_there: Callable[[Path], bool]) -> str:
    """Return the address of the Docker to use. Raises DockerFailed: there is none, or it is another machine's."""
    addresses = docker_addresses(environ, home, uid)
    for address in addresses:
        if not address.startswith(UNIX):
            raise DockerFailed(
                f"DOCKER_HOST is {address}: a Docker elsewhere can't mount this machine's models",
                remedy="Name a unix socket of this machine in DOCKER_HOST, or leave it out.",
            )
        if is_there(Path(address.removeprefix(UNIX))):
            return address
    looked = ", ".join(address.removeprefix(UNIX) for address in addresses)
    raise DockerFailed(
        f"runtime docker needs Docker, which is not on this machine (looked at {looked})", remedy=_REMEDY
    )
