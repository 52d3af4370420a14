"""The tools that build images: found on PATH or in our cache, else built from Go modules when a stack first needs them.

They are no part of an installation: most stacks never build an image.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sluice.cache import cache_folder
from sluice.engine.cache import install_lock, intact, publish, staging_folder, storage_errors, write_manifest
from sluice.engine.go_build import GoBuild, buildkit_tool, registry_tool
from sluice.engine.install import Installer
from sluice.engine.parts import Progress, Versions, pinned_versions, version_tuple
from sluice.engine.processes import answer
from sluice.errors import EngineMissing


@dataclass(frozen=True)
class Tool:
    """A tool, as it is looked for.

    Attributes:
        name: What it is called.
        command: The executable that says its version.
        on_path: Names of it on PATH, the first one found counts.
        version: The version that is installed where there is none, as `0.31.1`.
        minimum: The oldest version on PATH that will do.
        remedy: What a user can do where it can't be built.
    """

    name: str
    command: str
    on_path: tuple[str, ...]
    version: str
    minimum: str
    remedy: str


@dataclass(frozen=True)
class ToolSupply:
    """Where one tool is looked for and how it is installed.

    Attributes:
        tool: The tool.
        home: The folder it is installed in.
        path: The PATH it is looked for on.
        installer: How it is come by.
        version_of: Asks an executable for its version; None when it does not run.
    """

    tool: Tool
    home: Path
    path: str
    installer: Installer
    version_of: Callable[[Path], str | None]

    def find(self) -> Path | None:
        """The command on PATH that will do, else the installed one, else None."""
        return self._on_path() or self._installed()

    def ensure(self, progress: Progress) -> Path:
        """The command, installed if need be; safe to interrupt and to call in several processes at once.

        Raises:
            EngineMissing: It is not here and can't be built here.
            StorageFailed: The cache can't be written or the disk is full.
        """
        return self.find() or self._install(progress)

    def _on_path(self) -> Path | None:
        found = filter(None, (shutil.which(name, path=self.path) for name in self.tool.on_path))
        command = next(found, None)
        if command is None:
            return None
        have = version_tuple(self.version_of(Path(command)) or "")
        need = version_tuple(self.tool.minimum)
        return Path(command).absolute() if have and need and have >= need else None

    def _installed(self) -> Path | None:
        manifest = intact(self.home)
        return self.home / "bin" / self.tool.command if manifest and self.tool.command in manifest.files else None

    def _install(self, progress: Progress) -> Path:
        def on_wait() -> None:
            progress(f"another process is installing {self.tool.name}: waiting for it")

        with storage_errors(self.home), install_lock(self.home, on_wait):
            return self._installed() or self._build(progress)

    def _build(self, progress: Progress) -> Path:
        progress(f"{self.tool.name} {self.tool.version} is not on this machine: installing it into {self.home}")
        with staging_folder(self.home) as staged:
            try:
                self.installer.install(staged, progress)
            except EngineMissing as error:
                raise EngineMissing(
                    f"{self.tool.name} is not on this machine: {error.message}",
                    remedy=self.tool.remedy,
                    details=error.details,
                ) from error
            self._verify(staged / "bin" / self.tool.command)
            write_manifest(staged, self.tool.version, self.installer.source)
            publish(staged, self.home)
        progress(f"{self.tool.name} {self.tool.version} is installed ({self.installer.source})")
        return self.home / "bin" / self.tool.command

    def _verify(self, command: Path) -> None:
        said = version_tuple(self.version_of(command) or "")
        if said != version_tuple(self.tool.version):
            raise EngineMissing(f"what came is not {self.tool.name} {self.tool.version}")


def last_version(said: str | None) -> str | None:
    """The version in what buildkitd and registries answer: the last word with a version.

    `buildkitd github.com/moby/buildkit v0.31.1 <commit>`, `docker-registry github.com/docker/distribution 2.8.2+ds1`.
    """
    words = [word for word in (said or "").split() if version_tuple(word)]
    return words[-1].removeprefix("v") if words else None


def tool_home(cache: Path, name: str, version: str) -> Path:
    """The folder a version of a tool is installed in."""
    return cache / "tools" / f"{name}-{version}"


def buildkit_supply(environ: Mapping[str, str] | None = None) -> ToolSupply:
    """BuildKit: `buildkitd`, with `buildctl` beside it."""
    versions = pinned_versions()
    tool = Tool(
        name="BuildKit",
        command="buildkitd",
        on_path=("buildkitd",),
        version=versions.buildkit,
        minimum=versions.buildkit_minimum,
        remedy="Start Docker; or put BuildKit's release (buildkitd, buildctl) on PATH; or put Go on PATH.",
    )
    return _supply(tool, "buildkit", versions, environ)


def registry_supply(environ: Mapping[str, str] | None = None) -> ToolSupply:
    """The registry on loopback."""
    versions = pinned_versions()
    tool = Tool(
        name="registry",
        command="registry",
        on_path=("registry", "docker-registry"),
        version=versions.registry,
        minimum=versions.registry_minimum,
        remedy="Install one (Debian: apt-get install docker-registry), put Go on PATH, or name a registry of yours"
        " with `registry` in the stack's settings.",
    )
    return _supply(tool, "registry", versions, environ)


def _supply(tool: Tool, name: str, versions: Versions, environ: Mapping[str, str] | None) -> ToolSupply:
    around = dict(os.environ) if environ is None else environ
    module = {"buildkit": buildkit_tool, "registry": registry_tool}[name](versions)
    return ToolSupply(
        tool=tool,
        home=tool_home(cache_folder().absolute(), name, tool.version),
        path=around.get("PATH", ""),
        installer=GoBuild((module,), around, cost="1 to 3 minutes the first time, 60 to 80 MB, 1 GB of Go's caches"),
        version_of=lambda command: last_version(answer([command, "--version"], environ=around)),
    )
