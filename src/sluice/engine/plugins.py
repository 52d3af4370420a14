"""Pulumi's provider of images, in Pulumi's own plugin folder: where any `pulumi` of this user finds it, too."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sluice.engine.go_build import GoBuild, docker_build_tool
from sluice.engine.install import Installer
from sluice.engine.parts import Engine, Progress, pinned_versions, version_tuple
from sluice.engine.processes import answer
from sluice.errors import EngineMissing

_DOWNLOAD_SECONDS = 600
_REMEDY = "Let this machine reach Pulumi's site, or a Go module proxy with Go on PATH; or: {command}"


def plugin_in(home: Path, name: str) -> Path | None:
    """The newest provider of this name in a Pulumi home: `plugins/resource-<name>-v<version>/<command>`."""
    found = (home / "plugins").glob(f"resource-{name}-v*/pulumi-resource-{name}")
    return max(found, key=lambda command: version_tuple(version_of_folder(command.parent)) or (), default=None)


def version_of_folder(folder: Path) -> str:
    """The version in a plugin folder's name."""
    return folder.name.rpartition("-v")[2]


def pulumi_home(environ: Mapping[str, str]) -> Path:
    """Pulumi's own folder of this user."""
    return Path(environ.get("PULUMI_HOME") or Path.home() / ".pulumi")


@dataclass(frozen=True)
class PluginSupply:
    """One provider plugin of one version.

    Attributes:
        name: As in `pulumi-resource-<name>`.
        version: The version that is installed, and that the program asks for.
        engine: The engine that installs it.
        environ: The environment; PULUMI_HOME, proxies and Go's settings are honoured.
        builder: How it is come by where Pulumi's site can't be reached.
    """

    name: str
    version: str
    engine: Engine
    environ: Mapping[str, str]
    builder: Installer

    def find(self) -> Path | None:
        """The plugin of exactly this version, where Pulumi looks for it."""
        home = pulumi_home(self.environ) / "plugins"
        command = home / f"resource-{self.name}-v{self.version}" / f"pulumi-resource-{self.name}"
        return command if os.access(command, os.X_OK) else None

    def ensure(self, progress: Progress) -> Path:
        """The plugin, installed if need be. Pulumi holds its own lock on it meanwhile.

        Raises:
            EngineMissing: It can't be downloaded nor built here.
            StorageFailed: Go ran out of disk.
        """
        return self.find() or self._download(progress) or self._build(progress)

    def _download(self, progress: Progress) -> Path | None:
        progress(f"Pulumi's provider {self.name} {self.version} is not on this machine: downloading it")
        answer(self._command(), environ=self._around(), seconds=_DOWNLOAD_SECONDS)
        return self.find()

    def _build(self, progress: Progress) -> Path:
        progress("Pulumi's site can't be reached from here")
        with tempfile.TemporaryDirectory(prefix="sluice-plugin-") as folder:
            try:
                self.builder.install(Path(folder), progress)
            except EngineMissing as error:
                raise self._missing(error.message, error.details) from error
            built = Path(folder) / "bin" / f"pulumi-resource-{self.name}"
            said = self._version_of(built)
            if said != self.version:
                raise self._missing(f"what was built is not version {self.version}: it says {said or 'nothing'}", "")
            answer([*self._command(), "--file", str(built), "--reinstall"], environ=self._around(), seconds=120)
        found = self.find()
        if found is None:
            raise self._missing(f"it could not be put into {pulumi_home(self.environ)}", "")
        progress(f"Pulumi's provider {self.name} {self.version} is installed ({self.builder.source})")
        return found

    def _command(self) -> list[str]:
        return [str(self.engine.command), "plugin", "install", "resource", self.name, self.version]

    def _around(self) -> dict[str, str]:
        return {**self.environ, "PULUMI_SKIP_UPDATE_CHECK": "1"}

    def _version_of(self, command: Path) -> str | None:
        said = answer([self.engine.command, "package", "get-schema", command], environ=self._around(), seconds=60)
        try:
            return str(json.loads(said or "{}").get("version"))
        except ValueError:
            return None

    def _missing(self, why: str, details: str) -> EngineMissing:
        return EngineMissing(
            f"Pulumi's provider {self.name} is not on this machine: {why}",
            remedy=_REMEDY.format(command=" ".join(self._command())),
            details=details,
        )


def docker_build_supply(engine: Engine, environ: Mapping[str, str] | None = None) -> PluginSupply:
    """The provider `docker-build`."""
    around = dict(os.environ) if environ is None else environ
    versions = pinned_versions()
    cost = "2 to 6 minutes the first time, 85 MB, 2 GB of Go's caches"
    builder = GoBuild((docker_build_tool(versions),), around, cost=cost)
    return PluginSupply("docker-build", versions.docker_build, engine, around, builder)
