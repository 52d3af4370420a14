"""What is installed in the user's cache: a home of its own, `<home>/bin`, with a manifest beside it.

It appears there whole or not at all: it is put together in a staging folder of the same file system
and renamed, under a lock, so that installing twice, at the same time or after an interruption does no harm.
Engines lie in `<cache>/engines/<version>`, tools in `<cache>/tools/<name>-<version>`.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from sluice.engine.parts import COMMAND, LANGUAGE_HOST, Engine, EngineSource
from sluice.errors import StorageFailed

MANIFEST = "manifest.json"
_STORAGE = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.ENOTDIR: "a file is in the way",
    errno.EEXIST: "a file is in the way",
    errno.ENOLCK: "the file system has no locks",
}


@dataclass(frozen=True)
class Footprint:
    """What a file was when it was installed."""

    sha256: str
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class Manifest:
    """What stands in the bin folder of something installed, by file name."""

    version: str
    source: EngineSource
    platform: str
    files: Mapping[str, Footprint]


def engine_home(cache: Path, version: str) -> Path:
    """The folder of one installed version."""
    return cache / "engines" / version


def cached_engine(cache: Path, version: str) -> Engine | None:
    """The installed engine of this version, its files checked as `intact` does."""
    home = engine_home(cache, version)
    manifest = intact(home)
    if manifest is None or COMMAND not in manifest.files:
        return None
    host = home / "bin" / LANGUAGE_HOST
    return Engine(
        command=home / "bin" / COMMAND,
        bin=home / "bin",
        version=manifest.version,
        source=manifest.source,
        language_host=host if LANGUAGE_HOST in manifest.files else None,
    )


def intact(home: Path) -> Manifest | None:
    """The manifest of what is installed at a home, its files checked by size and time; starts no process.

    Files whose time alone differs (a copied or restored cache) are read and compared by content once.
    None where nothing is, where something was changed, or where it is for another kind of machine.
    """
    manifest = read_manifest(home)
    if manifest is None or manifest.platform != this_platform() or not _intact(home, manifest):
        return None
    return manifest


def damaged_files(home: Path) -> tuple[str, ...]:
    """The files at a home whose content is not what was installed: reads all of it.

    Without a readable manifest, that is what is named.
    """
    manifest = read_manifest(home)
    if manifest is None:
        return (MANIFEST,)
    bad = (name for name, then in manifest.files.items() if _digest(home / "bin" / name) != then.sha256)
    return tuple(sorted(bad))


def write_manifest(home: Path, version: str, source: EngineSource) -> None:
    """Record every file of `home/bin`.

    Raises:
        OSError: The folder can't be read or written.
    """
    files = {entry.name: _footprint(entry) for entry in sorted((home / "bin").iterdir()) if entry.is_file()}
    _save(home, Manifest(version, source, this_platform(), files))


def read_manifest(home: Path) -> Manifest | None:
    """The manifest of what is installed; None when it is missing or is not one."""
    try:
        data = json.loads((home / MANIFEST).read_text(encoding="utf-8"))
        files = {name: Footprint(**footprint) for name, footprint in data.pop("files").items()}
        return Manifest(**data, files=files)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def this_platform() -> str:
    """Operating system and processor, as `Linux-x86_64`: a cache may lie on a shared home."""
    return f"{platform.system()}-{platform.machine()}"


@contextmanager
def install_lock(home: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the right to install at this home; waits for whoever holds it, after telling so once."""
    home.parent.mkdir(parents=True, exist_ok=True)
    with (home.parent / f".{home.name}.lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def staging_folder(home: Path) -> Iterator[Path]:
    """An empty folder beside the home, gone afterwards; the lock must be held.

    What killed installations left is removed first.
    """
    for leftover in home.parent.glob(f".staging-{home.name}-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f".staging-{home.name}-", dir=home.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(staged: Path, home: Path) -> None:
    """Make what is staged the installed one, in one rename; what stood there is moved aside and removed."""
    staged.chmod(0o755)
    if home.exists():
        with staging_folder(home.with_name(f"{home.name}-old")) as aside:
            home.replace(aside / "old")
            staged.replace(home)
    else:
        staged.replace(home)


@contextmanager
def storage_errors(cache: Path) -> Iterator[None]:
    """Turn what the file system refuses into StorageFailed; anything else passes."""
    try:
        yield
    except OSError as error:
        if error.errno not in _STORAGE:
            raise
        raise storage_failed(cache, _STORAGE[error.errno]) from error


def storage_failed(place: Path, why: str) -> StorageFailed:
    """What was to be installed can't be stored: which folder, and why."""
    return StorageFailed(
        f"nothing can be installed under {place}: {why}",
        remedy="Free some space, or set SLUICE_CACHE to a folder on another disk that can be written.",
    )


def _intact(home: Path, manifest: Manifest) -> bool:
    try:
        now = {name: (home / "bin" / name).stat() for name in manifest.files}
    except OSError:
        return False
    if any(now[name].st_size != then.size for name, then in manifest.files.items()):
        return False
    if not all(seen.st_mode & 0o100 for seen in now.values()):
        return False  # some archives lose the right to execute
    same_times = all(now[name].st_mtime_ns == then.mtime_ns for name, then in manifest.files.items())
    return same_times or _same_content(home, manifest)


def _same_content(home: Path, manifest: Manifest) -> bool:
    """Whether these files only have other times; the manifest then learns them, where it can be written."""
    if any(_digest(home / "bin" / name) != then.sha256 for name, then in manifest.files.items()):
        return False
    with suppress(OSError):  # a read-only cache is checked by content each time
        write_manifest(home, manifest.version, manifest.source)
    return True


def _footprint(file: Path) -> Footprint:
    seen = file.stat()
    return Footprint(sha256=_digest(file), size=seen.st_size, mtime_ns=seen.st_mtime_ns)


def _digest(file: Path) -> str:
    """The file's SHA-256 in hex; empty when it can't be read."""
    try:
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError:
        return ""


def _save(home: Path, manifest: Manifest) -> None:
    text = json.dumps(asdict(manifest), indent=1, sort_keys=True)
    fresh = home / f".{MANIFEST}.{os.getpid()}"
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(home / MANIFEST)
