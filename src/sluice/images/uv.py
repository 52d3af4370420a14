"""uv: to lock with on this machine, and to carry into builds for another."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sluice.cache import cache_folder
from sluice.errors import EnvironmentFailed, Interrupted
from sluice.images.context import normalise
from sluice.images.feeds import Credential, redacted

VERSION: Final = "0.13.9"
"""The uv that builds use: the same on every machine, so that it changes no context by itself."""

_MACHINES: Final = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}
_INHERITED: Final = re.compile(r"(UV_|SSL_|[A-Z]*_?PROXY$|HOME$|PATH$|TMPDIR$|XDG_|LANG$|LC_)", re.IGNORECASE)


@dataclass(frozen=True)
class Run:
    """How uv is run: what it is told of indexes (`config`, a secret), and how it talks with whoever started it.

    `credentials` are taken out of whatever it says.
    """

    config: str = field(default="", repr=False)
    credentials: tuple[Credential, ...] = ()
    report: Callable[[str], None] = lambda _: None
    cancelled: Callable[[], bool] = lambda: False

    def __call__(self, arguments: Sequence[str], folder: Path, what: str) -> str:
        """Run uv in `folder` and return what it printed.

        Raises:
            EnvironmentFailed: it failed; `what` says at what, the details are its words.
            Interrupted: the user stopped it.
        """
        with tempfile.TemporaryDirectory(prefix="sluice-uv-") as private:
            process = subprocess.Popen(
                [_uv(), *arguments],
                cwd=folder,
                env=_environment(self._configured(Path(private))),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            printed, words = self._finished(process, what)
        if process.returncode:
            raise EnvironmentFailed(what, details=redacted(words, self.credentials).strip())
        return printed

    def _configured(self, private: Path) -> Mapping[str, str]:
        if not self.config:
            return {}
        file = private / "uv.toml"
        file.touch(mode=0o600)
        file.write_text(self.config)
        return {"UV_CONFIG_FILE": str(file)}

    def _finished(self, process: subprocess.Popen[str], what: str) -> tuple[str, str]:
        while True:
            try:
                return process.communicate(timeout=0.2)
            except subprocess.TimeoutExpired:
                if self.cancelled():
                    process.kill()
                    process.communicate()
                    raise Interrupted(f"stopped while uv was at work ({what})") from None
            except KeyboardInterrupt:
                process.kill()
                process.communicate()
                raise


def _uv() -> str:
    from uv import find_uv_bin

    return find_uv_bin()


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    """Return what uv needs of the environment, and no more: building a package runs other people's code."""
    kept = {key: value for key, value in os.environ.items() if _INHERITED.match(key)}
    return {**kept, "NO_COLOR": "1", **more}


def uv_for(platforms: Sequence[str], run: Run) -> dict[str, Path]:
    """Return uv's binaries for building on these platforms, by machine (`x86_64`): from the cache, or fetched.

    Raises:
        EnvironmentFailed: a platform uv is not made for, or a binary that can't be fetched.
        Interrupted: the user stopped it.
    """
    return {machine: _binary(machine, run) for machine in map(_machine, platforms)}


def _machine(name: str) -> str:
    if name not in _MACHINES:
        known = ", ".join(_MACHINES)
        raise EnvironmentFailed(f"packages can't be installed for platform {name}", remedy=f"Known: {known}.")
    return _MACHINES[name]


def _binary(machine: str, run: Run) -> Path:
    target = cache_folder() / "uv" / VERSION / machine / "uv"
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            found = Path(folder) / "uv"
            shutil.copyfile(_installed(machine) or _fetched(machine, Path(folder), run), found)
            normalise(found, executable=True)
            found.replace(target)
    return target


def _installed(machine: str) -> Path | None:
    """Return this machine's own uv where it is the one that is wanted."""
    if (platform.system(), platform.machine()) != ("Linux", machine):
        return None
    said = subprocess.run([_uv(), "--version"], capture_output=True, text=True, check=False).stdout
    return Path(_uv()) if said.split()[1:2] == [VERSION] else None


def _fetched(machine: str, folder: Path, run: Run) -> Path:
    run.report(f"fetching uv {VERSION} for {machine}")
    wanted = ["--python-platform", f"{machine}-manylinux_2_28", "--target", str(folder / "package"), f"uv=={VERSION}"]
    run(["pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:", *wanted], folder, "uv can't be fetched")
    return folder / "package" / "bin" / "uv"
