"""Python environments of deployments: resolved and locked by uv, built once per lock, shared by all that want it.

They live in the machine's cache: `locks/<request>.txt` and `environments/<key>/venv`. The key is a hash of the
locked requirements, the interpreter and the platform, so equal locks share one folder across projects.
"""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sluice.cache import cache_folder
from sluice.errors import EnvironmentFailed, StorageFailed
from sluice.targets.local.files import locked, remove_tree, storage_errors

READY: Final = "ready"
_DISK_WORDS: Final = ("No space left on device", "Read-only file system", "Permission denied", "Disk quota exceeded")
Progress = Callable[[str], None]


@dataclass(frozen=True)
class PythonEnvironment:
    """A built environment."""

    key: str
    folder: Path

    @property
    def python(self) -> Path:
        """The interpreter to run a server with."""
        return self.folder / "venv" / "bin" / "python"

    @property
    def ready(self) -> bool:
        """Tell whether it is whole."""
        return (self.folder / READY).is_file()


def environment_of(key: str) -> PythonEnvironment:
    """Return the environment with that key, built or not."""
    return PythonEnvironment(key, cache_folder() / "environments" / key)


def ensure_environment(
    requirements: Sequence[str], python_version: str | None, progress: Progress
) -> tuple[PythonEnvironment, int]:
    """Return an environment with these requirements and how many packages are in it; build it if need be.

    Raises:
        EnvironmentFailed: requirements that do not resolve or install, with the resolver's words.
        StorageFailed: no space, or the cache can't be written.
    """
    python = _interpreter(python_version)
    lock = _lock(tuple(requirements), python, progress)
    text = lock.read_text()
    environment = environment_of(environment_key(text, python))
    if not environment.ready:
        _build(environment, lock, python, progress)
    return environment, text.count("==")


def environment_key(lock: str, python: str) -> str:
    """Return the key of a lock's environment on this machine."""
    return _digest(lock, python, platform.system(), platform.machine())


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _interpreter(version: str | None) -> str:
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    if version is None or running == version or platform.python_version() == version:
        return os.path.realpath(sys.executable)  # not of this virtual environment: all share what is built
    found = _uv(["python", "find", "--no-python-downloads", version])
    if found.returncode:
        raise EnvironmentFailed(
            f"Python {version} is not on this machine (Sluice runs on {running})",
            remedy=f"Install Python {version}, or drop the python version from the conda file.",
        )
    return found.stdout.strip()


def _lock(requirements: tuple[str, ...], python: str, progress: Progress) -> Path:
    request = "\n".join(requirements) + "\n"
    locks = cache_folder() / "locks"
    name = _digest(request, python, platform.system(), platform.machine())
    target = locks / f"{name}.txt"
    if target.is_file():
        return target
    with locked(locks / f"{name}.lock", what="resolving requirements"):
        if not target.is_file():
            progress(f"resolving {len(requirements)} requirements")
            _resolve(request, python, target)
    return target


def _resolve(request: str, python: str, target: Path) -> None:
    with storage_errors(target):
        source, beside = target.with_suffix(".in"), target.with_suffix(".new")
        source.write_text(request)
    flags = ["--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url", "--quiet"]
    done = _uv(["pip", "compile", *flags, "--python", python, "-o", str(beside), str(source)])
    if done.returncode:
        raise _failure("requirements do not resolve", done.stderr)
    beside.replace(target)


def _build(environment: PythonEnvironment, lock: Path, python: str, progress: Progress) -> None:
    folder = environment.folder
    with locked(folder.with_name(f"{folder.name}.lock"), what="building an environment"):
        if environment.ready:
            return
        remove_tree(folder)
        progress(f"building environment {environment.key}")
        with storage_errors(folder):
            folder.mkdir(parents=True)
        _run_or_fail(["venv", "--quiet", "--python", python, str(folder / "venv")])
        target = ["--python", str(environment.python)]
        _run_or_fail(["pip", "sync", "--quiet", "--require-hashes", "--compile-bytecode", *target, str(lock)])
        with storage_errors(folder):
            (folder / READY).write_text(f"{lock.name}\n")


def _run_or_fail(arguments: list[str]) -> None:
    done = _uv(arguments)
    if done.returncode:
        raise _failure("the environment can't be built", done.stderr)


def _failure(what: str, words: str) -> EnvironmentFailed | StorageFailed:
    if any(word in words for word in _DISK_WORDS):
        return StorageFailed(
            f"{what}: {cache_folder()} can't be written",
            remedy="Free some space there, or set SLUICE_CACHE to a folder you own.",
            details=words.strip(),
        )
    remedy = "Correct the requirements (of the environment, or requirements.txt in the flow's folder)."
    return EnvironmentFailed(what, remedy=remedy, details=words.strip())


def _uv(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    from uv import find_uv_bin

    # Only what uv needs: nothing of Pulumi's, whose passphrase has no business in a build.
    keep = {k: v for k, v in os.environ.items() if not k.startswith("PULUMI_")}
    return subprocess.run(
        [find_uv_bin(), *arguments],
        env=keep | {"UV_COMPILE_BYTECODE": "1", "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
