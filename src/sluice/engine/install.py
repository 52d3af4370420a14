"""Finding the Pulumi engine, and installing it where there is none.

The order: `pulumi` on PATH, the one in our cache, Pulumi's release, a build from Go modules.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sluice.cache import cache_folder
from sluice.engine.cache import (
    cached_engine,
    engine_home,
    install_lock,
    publish,
    staging_folder,
    storage_errors,
    write_manifest,
)
from sluice.engine.parts import COMMAND, Engine, EngineSource, Progress, pinned_versions
from sluice.errors import EngineMissing

_REMEDY = (
    "Put `pulumi` {minimum} or newer on PATH; or let this machine reach Pulumi's site, or a Go module proxy "
    "with Go on PATH; or copy {home} from a machine of the same kind that has it."
)


class Finder(Protocol):
    """A place an engine may already be in."""

    def find(self) -> Engine | None:
        """The engine there, if it is usable."""


class Installer(Protocol):
    """A way to come by an engine."""

    @property
    def source(self) -> EngineSource:
        """What the installed engine's `source` says."""

    def install(self, staged: Path, progress: Progress) -> None:
        """Put `pulumi` and what belongs beside it into `staged/bin`.

        Raises:
            EngineMissing: This way is closed here; the message says why.
        """


@dataclass(frozen=True)
class EngineSupply:
    """Where one version of the engine is looked for and how it is installed.

    Attributes:
        cache: The folder under which it is installed.
        version: The version that is installed, as `3.259.0`.
        minimum: The oldest version on PATH that will do (for messages).
        on_path: Finds the user's own engine.
        installers: What is tried, in order.
        version_of: Asks an executable for its version; None when it does not run.
    """

    cache: Path
    version: str
    minimum: str
    on_path: Finder
    installers: tuple[Installer, ...]
    version_of: Callable[[Path], str | None]

    def find(self) -> Engine | None:
        """The user's own engine, else the installed one, else None."""
        return self.on_path.find() or cached_engine(self.cache, self.version)

    def ensure(self, progress: Progress) -> Engine:
        """The engine, installed if need be; safe to interrupt and to call in several processes at once.

        Raises:
            EngineMissing: No way to come by one is open here; the details name each.
            StorageFailed: The cache can't be written or the disk is full.
        """
        return self.find() or self._install(progress)

    def _install(self, progress: Progress) -> Engine:
        def on_wait() -> None:
            progress("another process is installing the Pulumi engine: waiting for it")

        with storage_errors(self.cache), install_lock(engine_home(self.cache, self.version), on_wait):
            return cached_engine(self.cache, self.version) or self._try_all(progress)

    def _try_all(self, progress: Progress) -> Engine:
        progress(f"installing the Pulumi engine {self.version} into {engine_home(self.cache, self.version)}")
        closed: list[str] = []
        for installer in self.installers:
            try:
                return self._try(installer, progress)
            except EngineMissing as error:
                progress(f"{installer.source}: {error.message}")
                closed += [f"{installer.source}: {error.message}", *error.details.splitlines()]
        raise EngineMissing(
            "there is no Pulumi engine on this machine, and none could be installed",
            remedy=_REMEDY.format(minimum=self.minimum, home=engine_home(self.cache, self.version)),
            details="\n".join(closed),
        )

    def _try(self, installer: Installer, progress: Progress) -> Engine:
        home = engine_home(self.cache, self.version)
        with staging_folder(home) as staged:
            installer.install(staged, progress)
            self._verify(staged / "bin" / COMMAND)
            write_manifest(staged, self.version, installer.source)
            publish(staged, home)
        engine = cached_engine(self.cache, self.version)
        if engine is None:
            raise EngineMissing("what was installed was changed at once by something else")
        progress(f"the Pulumi engine {self.version} is installed ({installer.source})")
        return engine

    def _verify(self, command: Path) -> None:
        said = self.version_of(command)
        if said != self.version:
            raise EngineMissing(f"what came is not version {self.version}: it says {said or 'nothing'}")


def machine_supply() -> EngineSupply:
    """The supply of this machine, as its environment variables say."""
    from sluice.engine.go_build import GoBuild, pulumi_tools
    from sluice.engine.official import OfficialRelease
    from sluice.engine.on_path import EngineOnPath, engine_version

    environ, versions = dict(os.environ), pinned_versions()
    cache = cache_folder().absolute()
    return EngineSupply(
        cache=cache,
        version=versions.engine,
        minimum=versions.minimum,
        on_path=EngineOnPath(environ, cache / "engine-on-path.json", versions.minimum),
        installers=(OfficialRelease(versions.engine, environ), GoBuild(pulumi_tools(versions), environ)),
        version_of=lambda command: engine_version(command, environ),
    )


def ensure_engine(progress: Progress) -> Engine:
    """The engine, installed first where there is none; `progress` is given one line at a time.

    Raises:
        EngineMissing: There is none and none can be installed; remedies are named.
        StorageFailed: The cache can't be written or the disk is full.
    """
    return machine_supply().ensure(progress)
