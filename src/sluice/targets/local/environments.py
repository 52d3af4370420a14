"""Python environments of deployments: resolved and locked by uv, built once per lock, shared by all that want it.

They live in the machine's cache: `locks/<request>.txt` and `environments/<key>/`. The key is a hash of the
locked requirements, the interpreter and the platform, so equal locks share one folder across projects.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Final

from sluice.cache import cache_folder
from sluice.errors import EnvironmentFailed, Interrupted, StorageFailed
from sluice.targets.local.bytecode import BytecodeStore, installed_sources, paths_of
from sluice.targets.local.files import locked, remove_tree, storage_errors, write_private

READY: Final = "ready"
_DISK_WORDS: Final = ("No space left on device", "Read-only file system", "Permission denied", "Disk quota exceeded")


@dataclass(frozen=True)
class Talk:
    """How a long piece of work talks with whoever started it: it reports, and asks whether to stop."""

    report: Callable[[str], None]
    cancelled: Callable[[], bool]


@dataclass(frozen=True)
class PythonEnvironment:
    """A built environment: a folder of its own for each build, and a file that names the whole one.

    So a build that was killed, whose uv may still be writing, is never in the way of the next.
    """

    key: str
    folder: Path

    @property
    def python(self) -> Path:
        """The interpreter to run a server with. Raises EnvironmentFailed where the environment is not there."""
        build = self._build()
        if build is None:
            raise EnvironmentFailed(f"environment {self.key} is not in the cache", remedy="Build it: sluice up")
        return build / "bin" / "python"

    @property
    def ready(self) -> bool:
        """Tell whether it is whole."""
        build = self._build()
        return build is not None and (build / "bin" / "python").exists()

    def _build(self) -> Path | None:
        try:
            return self.folder / (self.folder / READY).read_text().strip()
        except FileNotFoundError:
            return None


def environment_of(key: str) -> PythonEnvironment:
    """Return the environment with that key, built or not."""
    return PythonEnvironment(key, cache_folder() / "environments" / key)


def ensure_environment(
    requirements: Sequence[str], python_version: str | None, talk: Talk, *, lock: str | None = None, config: str = ""
) -> tuple[PythonEnvironment, int]:
    """Return an environment with these requirements and how many packages are in it; build it if need be.

    Args:
        requirements: without options that name indexes.
        python_version: None for the one Sluice runs on.
        talk: who waits for it.
        lock: what the requirements were locked to (pip's format, with hashes); without it they are resolved here.
        config: uv's configuration: indexes with their credentials, so a secret.

    Raises:
        EnvironmentFailed: requirements that do not resolve or install, with the resolver's words.
        StorageFailed: no space, or the cache can't be written.
        Interrupted: the user stopped it.
    """
    python = _interpreter(python_version)
    with _told(config) as indexes:
        uv = _Uv(talk, indexes)
        file = _lock(tuple(requirements), python, uv) if lock is None else _given(lock)
        text = file.read_text()
        environment = environment_of(environment_key(text, python))
        if not environment.ready:
            _build(environment, file, python, uv)
    return environment, _count(text)


def _count(lock: str) -> int:
    return len(re.findall(r"^[\w.-]+==", lock, re.MULTILINE))


def _given(lock: str) -> Path:
    """Return a lock that is committed in a project as a file of the cache."""
    file = cache_folder() / "locks" / f"{_digest(lock)}.txt"
    if not file.is_file():
        write_private(file, lock)
    return file


@contextmanager
def _told(config: str) -> Iterator[Mapping[str, str]]:
    """Lend the variables that tell uv of its indexes: a file that only we can read, gone afterwards."""
    if not config:
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="sluice-uv-") as folder:
        file = Path(folder) / "uv.toml"
        write_private(file, config)
        yield {"UV_CONFIG_FILE": str(file)}


@dataclass(frozen=True)
class _Uv:
    """uv, told of its indexes, and who waits for it."""

    talk: Talk
    indexes: Mapping[str, str]

    def run(self, what: str, arguments: list[str], status: Callable[[], str]) -> None:
        _run(what, arguments, status, self)


def environment_key(lock: str, python: str) -> str:
    """Return the key of a lock's environment on this machine."""
    return _digest(lock, python, platform.system(), platform.machine())


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _interpreter(version: str | None) -> str:
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    if version is None or running == version or platform.python_version() == version:
        return os.path.realpath(sys.executable)  # not of this virtual environment: all share what is built
    found = subprocess.run(
        [*_uv_command(), "python", "find", "--no-python-downloads", version],
        capture_output=True,
        text=True,
        check=False,
    )
    if found.returncode:
        raise EnvironmentFailed(
            f"Python {version} is not on this machine (Sluice runs on {running})",
            remedy=f"Install Python {version}, or drop the python version from the conda file.",
        )
    return found.stdout.strip()


def _lock(requirements: tuple[str, ...], python: str, uv: _Uv) -> Path:
    request = "\n".join(requirements) + "\n"
    locks = cache_folder() / "locks"
    name = _digest(request, python, platform.system(), platform.machine())
    target = locks / f"{name}.txt"
    if target.is_file():
        return target
    with locked(locks / f"{name}.lock", what="resolving requirements"):
        if not target.is_file():
            _resolve(request, len(requirements), python, target, uv)
    return target


def _resolve(request: str, count: int, python: str, target: Path, uv: _Uv) -> None:
    with storage_errors(target):
        source, beside = target.with_suffix(".in"), target.with_suffix(".new")
        source.write_text(request)
    flags = ["--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url", "--quiet"]
    arguments = ["pip", "compile", *flags, "--python", python, "-o", str(beside), str(source)]
    uv.run("requirements do not resolve", arguments, lambda: f"resolving {count} requirements")
    beside.replace(target)


def _build(environment: PythonEnvironment, lock: Path, python: str, uv: _Uv) -> None:
    folder, what = environment.folder, "the environment can't be built"
    with locked(folder.with_name(f"{folder.name}.lock"), what="building an environment"):
        if environment.ready:
            return
        remove_tree(folder)
        build = folder / token_hex(4)
        with storage_errors(folder):
            folder.mkdir(parents=True)
        uv.run(what, ["venv", "--quiet", "--python", python, str(build)], lambda: "making the environment")
        install = ["pip", "sync", "--quiet", "--require-hashes", "--no-compile-bytecode"]
        total = _count(lock.read_text())
        uv.run(what, [*install, "--python", str(build / "bin" / "python"), str(lock)], lambda: _so_far(build, total))
        with storage_errors(folder):
            _compile(build, uv.talk)
            (folder / READY).write_text(f"{build.name}\n")


def _so_far(build: Path, total: int) -> str:
    installed = sum(1 for _ in build.glob("lib/python*/site-packages/*.dist-info"))
    return f"installed {installed} of {total} packages"


def _compile(build: Path, talk: Talk) -> None:
    """Give the environment its bytecode: what is kept already, and the rest compiled, and kept. Raises Interrupted."""
    site = next(build.glob("lib/python*/site-packages"))
    tag = f"cpython-{site.parent.name.removeprefix('python').replace('.', '')}"
    store = BytecodeStore(cache_folder() / "bytecode" / tag, tag)
    missing = store.restore(site, installed_sources(site))
    if not missing:
        return
    listed = build / "modules.txt"
    listed.write_text("\n".join(paths_of(site, missing)))
    # Not by time, which copies and links may not share; not checked: nobody edits what is in the cache.
    flags = ["-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash", "-i", str(listed)]
    compiler = _started([str(build / "bin" / "python"), *flags], _uv_environment())
    _waited(compiler, lambda: f"compiling bytecode of {len(missing)} packages", talk)
    listed.unlink()
    store.keep(site, missing)


def _run(what: str, arguments: list[str], status: Callable[[], str], uv: _Uv) -> None:
    """Run uv to its end, reporting. Raises EnvironmentFailed or StorageFailed with its words, Interrupted."""
    process = _started([*_uv_command(), *arguments], {**_uv_environment(), **uv.indexes})
    words = _waited(process, status, uv.talk)
    if process.returncode:
        raise _failure(what, words)


def _started(command: list[str], environ: Mapping[str, str]) -> subprocess.Popen[str]:
    """Start a program in a process group of its own, so that it can be stopped with all that it started."""
    return subprocess.Popen(
        command,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )


def _waited(process: subprocess.Popen[str], status: Callable[[], str], talk: Talk) -> str:
    """Return what a process said when it has ended, reporting meanwhile. Raises Interrupted."""
    while True:
        talk.report(status())
        try:
            return process.communicate(timeout=0.5)[1]
        except subprocess.TimeoutExpired:
            if talk.cancelled():
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
                raise Interrupted("stopped while an environment was being made") from None


def _failure(what: str, words: str) -> EnvironmentFailed | StorageFailed:
    words = re.sub(r"://[^/@\s]+@", "://****@", words)  # an address may hold a credential
    if any(word in words for word in _DISK_WORDS):
        return StorageFailed(
            f"{what}: {cache_folder()} can't be written",
            remedy="Free some space there, or set SLUICE_CACHE to a folder you own.",
            details=words.strip(),
        )
    remedy = "Correct the requirements (of the environment, or requirements.txt in the flow's folder)."
    return EnvironmentFailed(what, remedy=remedy, details=words.strip())


def _uv_command() -> list[str]:
    from uv import find_uv_bin

    return [find_uv_bin()]


def _uv_environment() -> dict[str, str]:
    """Return only what uv needs: nothing of Pulumi's, whose passphrase has no business in a build."""
    keep = {key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")}
    return keep | {"NO_COLOR": "1"}
