"""The project's own folder for Pulumi: state, passphrase, the plugin's link; and the environment of the engine.

Nothing of it is committed: `.sluice/` ignores itself. Whoever has set Pulumi's own variables keeps them.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from secrets import token_urlsafe

from sluice.cache import cache_folder
from sluice.engine.parts import Engine
from sluice.errors import EngineMissing, StorageFailed, UsageError
from sluice.images.services import ImageFolder

PLUGIN = "pulumi-resource-sluice"
# What Pulumi.yaml has no place for. Every resource may wait on processes, so all are allowed at once.
ALWAYS: Mapping[str, str] = {
    "PULUMI_SKIP_UPDATE_CHECK": "1",
    "PULUMI_CONTINUE_ON_ERROR": "true",
    "PULUMI_PARALLEL": "128",
    "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "1",
}

# Whatever the user has set: builds find no builder of ours anywhere else.
_OURS = frozenset({"PATH", "BUILDX_CONFIG"})


@dataclass(frozen=True)
class ProjectHome:
    """`.sluice/` of a project."""

    root: Path

    @property
    def folder(self) -> Path:
        """The folder itself."""
        return self.root / ".sluice"

    @property
    def state(self) -> Path:
        """Pulumi's default backend."""
        return self.folder / "state"

    @property
    def passphrase(self) -> Path:
        """The generated passphrase of the default backend, mode 600."""
        return self.folder / "passphrase"

    def prepare(self) -> None:
        """Make the folder, the passphrase and the plugin's link. Raises StorageFailed, EngineMissing, UsageError."""
        self._refuse_path()
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            self.state.mkdir(mode=0o700, exist_ok=True)
            (self.folder / ".gitignore").write_text("*\n")
            self._make_passphrase()
            self._link_plugin()
        except OSError as error:
            raise StorageFailed(
                f"{self.folder}: can't be written ({error.strerror})",
                remedy="Give yourself write access to the project, or free some space.",
            ) from None

    def _refuse_path(self) -> None:
        """Pulumi reads its backend's place as a URL: `p%20c` would be the folder `p c`."""
        found = next((sign for sign in "%#?" if sign in str(self.root)), None)
        if found:
            raise UsageError(
                f"{self.root}: Pulumi can't keep its state in a path with {found!r}",
                remedy="Move the project to a folder without that sign.",
            )

    def remove_if_empty(self) -> None:
        """Remove the folder when no stack is in it and none runs: its passphrase then opens nothing."""
        stacks = any((self.state / ".pulumi" / "stacks").glob("*/*.json"))
        if not stacks and not (self.folder / "local").exists():
            shutil.rmtree(self.folder, ignore_errors=True)

    def _make_passphrase(self) -> None:
        """Write the passphrase once: linked into place whole, so that two starts at a time agree on one."""
        if self.passphrase.exists():
            return
        beside = self.folder / f".passphrase.{os.getpid()}"
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(token_urlsafe(32) + "\n")
        try:
            os.link(beside, self.passphrase)
        except FileExistsError:
            pass
        finally:
            beside.unlink(missing_ok=True)

    def _link_plugin(self) -> None:
        plugin = Path(sys.executable).parent / PLUGIN
        if not plugin.exists():
            raise EngineMissing(f"{plugin} is missing", remedy="Install it: pip install 'sluice[local]'")
        link = self.folder / "bin" / PLUGIN
        link.parent.mkdir(exist_ok=True)
        if link.is_symlink() and link.readlink() == plugin:
            return
        beside = link.with_name(f".{PLUGIN}.{os.getpid()}")
        beside.unlink(missing_ok=True)
        beside.symlink_to(plugin)
        beside.replace(link)

    def variables(self, engine: Engine, environ: Mapping[str, str]) -> dict[str, str]:
        """Return what the engine needs beside `environ`: PATH, the passphrase file, builders, our settings."""
        path = [str(Path(sys.executable).parent), str(engine.bin), environ.get("PATH", os.defpath)]
        builders = {"BUILDX_CONFIG": str(ImageFolder.of(cache_folder()).buildx)}
        wanted = {**ALWAYS, **builders, **self._passphrase(environ), "PATH": os.pathsep.join(path)}
        return {key: value for key, value in wanted.items() if key in _OURS or key not in environ}

    def _passphrase(self, environ: Mapping[str, str]) -> dict[str, str]:
        given = {"PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"} & environ.keys()
        return {} if given else {"PULUMI_CONFIG_PASSPHRASE_FILE": str(self.passphrase)}
