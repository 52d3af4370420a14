"""Build contexts: what lies in one, the hash that names it on every machine, and a copy that is always the same.

A context is a map from names (forward slashes) to content: bytes, or a file on disk. A link on disk stays a link,
and a name that ends in `/` is an empty folder.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex
from typing import Final

from sluice.errors import Mark, SpecError, StorageFailed
from sluice.images.ignore import IgnoreRules, read_rules
from sluice.images.models import ImagePlan
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import error_at, warning_at

Files = Mapping[str, Path | bytes]

CONTEXT_WARNING: Final = 256 * 1024**2
CONTEXT_LIMIT: Final = 2 * 1024**3
_FIRST_TIME: Final = 946_684_800  # 2000-01-01: late enough for zip files
_SPAN: Final = 30 * 365 * 86_400  # seconds
_LINK_FROM: Final = 1024**2  # what is larger is linked instead of copied, where mode and time are right


@dataclass(frozen=True)
class UserContext:
    """A folder that a user builds from: its Dockerfile, and the files that `.dockerignore` leaves in."""

    dockerfile: str
    files: Files


def read_context(folder: Path, dockerfile_path: str = "Dockerfile") -> UserContext:
    """Return what Docker would be sent for `folder`.

    `<dockerfile>.dockerignore` counts instead of `.dockerignore` where it is there, as in Docker.

    Raises:
        SpecError: no such Dockerfile, a pattern that Docker refuses, what is no file, folder or link, or unreadable.
    """
    with _unreadable():
        if not (folder / dockerfile_path).is_file():
            raise SpecError(
                f"the build context {folder} has no `{dockerfile_path}`",
                remedy="`dockerfile_path` is relative to `build.path`.",
            )
        text = (folder / dockerfile_path).read_text(encoding="utf-8-sig")
        return UserContext(text, dict(sorted(_walk(folder, "", _rules_of(folder, dockerfile_path)))))


def _rules_of(folder: Path, dockerfile_path: str) -> IgnoreRules:
    for name in (f"{dockerfile_path}.dockerignore", ".dockerignore"):
        if (folder / name).is_file():
            return read_rules((folder / name).read_text(encoding="utf-8"), name)
    return IgnoreRules()


def _walk(folder: Path, prefix: str, rules: IgnoreRules) -> Iterator[tuple[str, Path | bytes]]:
    entries = sorted(folder.iterdir())
    if not entries and prefix and not rules.ignores(prefix.rstrip("/")):
        yield prefix, b""
    for entry in entries:
        name = prefix + entry.name
        if entry.is_dir() and not entry.is_symlink():
            if not rules.prunes(name):
                yield from _walk(entry, f"{name}/", rules)
        elif not rules.ignores(name):
            yield name, _plain(entry, name)


def _plain(entry: Path, name: str) -> Path:
    if entry.is_symlink() or entry.is_file():
        return entry
    raise SpecError(
        f"`{name}` in the build context is neither a file nor a folder nor a link",
        remedy="Take it out, or name it in .dockerignore.",
    )


def context_hash(dockerfile: str, files: Files) -> str:
    """Return the SHA-256 over Dockerfile, names, executable bits and contents; times, owners and places don't count.

    Raises: SpecError for a file that can't be read.
    """
    total = hashlib.sha256(f"Dockerfile:{hashlib.sha256(dockerfile.encode()).hexdigest()}\n".encode())
    with _unreadable():
        for name in sorted(files):
            total.update(f"{len(name.encode())}:{name}:{_kind(files[name])}:{_digest(files[name])}\n".encode())
    return total.hexdigest()


def digests(files: Files) -> dict[str, str]:
    """Return the SHA-256 of each file's content (of a link: of where it leads), by name."""
    with _unreadable():
        return {name: _digest(files[name]) for name in sorted(files)}


def _kind(source: Path | bytes) -> str:
    if isinstance(source, bytes):
        return "0"
    return "link" if source.is_symlink() else str(int(_executable(source)))


def _executable(source: Path) -> bool:
    return bool(source.stat().st_mode & 0o100)


def _digest(source: Path | bytes) -> str:
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    if source.is_symlink():
        return hashlib.sha256(os.fsencode(source.readlink())).hexdigest()
    with source.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sealed(plan: ImagePlan) -> ImagePlan:
    """Return `plan` with its context hash. Raises SpecError for a file that can't be read."""
    return replace(plan, context_hash=context_hash(plan.dockerfile, plan.files))


def sizes(files: Files) -> dict[str, int]:
    """Return the size of each file in bytes, by name; links and folders have none. Raises SpecError."""
    with _unreadable():
        return {name: len(one) if isinstance(one, bytes) else one.lstat().st_size for name, one in files.items()}


def size_findings(found: Mapping[str, int], at: Mark) -> tuple[Diagnostic, ...]:
    """Return an error for a context above 2 GiB, a warning above 256 MiB: with the largest entries, by first name."""
    total = sum(found.values())
    if total <= CONTEXT_WARNING:
        return ()
    largest = ", ".join(f"`{name}` ({_human(size)})" for name, size in _largest(found))
    remedy = f"Name what the build does not need in .dockerignore. Largest: {largest}."
    if total > CONTEXT_LIMIT:
        message = f"the build context has {_human(total)}; the limit is {_human(CONTEXT_LIMIT)}"
        return (error_at(at, message, remedy, "build-context"),)
    return (warning_at(at, f"the build context has {_human(total)}: each build copies it", remedy, "build-context"),)


def _largest(found: Mapping[str, int], count: int = 3) -> Sequence[tuple[str, int]]:
    tops: dict[str, int] = {}
    for name, size in found.items():
        first, below, _ = name.partition("/")
        tops[first + below] = tops.get(first + below, 0) + size
    return sorted(tops.items(), key=lambda item: (-item[1], item[0]))[:count]


def _human(size: int) -> str:
    unit, name = next((u, n) for u, n in ((1024**3, "GiB"), (1024**2, "MiB"), (1, "bytes")) if size >= u or u == 1)
    return f"{size / unit:.1f} {name}" if unit > 1 else f"{size} {name}"


def stage(plan: ImagePlan, folder: Path) -> Path:
    """Return `folder/<context hash>` with `Dockerfile` and the folder `context`: whole, or not there.

    Modes are 0644 and 0755 and times follow from contents, so that a builder that looks at them sees the same
    everywhere, and BuildKit, which takes a file of the same size and time for the same file, sees every change.

    Raises:
        SpecError: a file changed since the plan was made, or can't be read.
        StorageFailed: no space, or `folder` can't be written.
    """
    target = folder / plan.context_hash
    if target.is_dir():
        return target
    beside = folder / f".{plan.context_hash[:12]}.{token_hex(4)}"
    with _unwritable(folder):
        try:
            _fill(plan, beside)
            _move(beside, target)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    return target


def _fill(plan: ImagePlan, beside: Path) -> None:
    inside = beside / "context"
    inside.mkdir(parents=True)
    for name, source in plan.files.items():
        path = inside / name
        (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            _place(source, path)
    _place(plan.dockerfile.encode(), beside / "Dockerfile")
    staged = {name: inside / name if isinstance(one, Path) else one for name, one in plan.files.items()}
    if context_hash(plan.dockerfile, staged) != plan.context_hash:
        raise SpecError(
            f"image {plan.name}: files of the build context changed while they were read",
            remedy="Run again when nothing writes to them.",
        )
    for path in (beside, *(path for path in beside.rglob("*") if path.is_dir() and not path.is_symlink())):
        normalise(path, executable=True)


def _place(source: Path | bytes, target: Path) -> None:
    if isinstance(source, bytes):
        target.write_bytes(source)
        normalise(target, executable=False)
    elif source.is_symlink():
        target.symlink_to(source.readlink())
        time = _time_of(_digest(source))
        os.utime(target, (time, time), follow_symlinks=False)
    elif not _linked(source, target):
        shutil.copyfile(source, target)
        normalise(target, executable=_executable(source))


def _linked(source: Path, target: Path) -> bool:
    """Link a large file that is already as it must be: tools are, and are the same in every context."""
    facts = source.stat()
    wanted = 0o755 if facts.st_mode & 0o100 else 0o644
    if facts.st_size < _LINK_FROM or facts.st_mode & 0o777 != wanted or facts.st_mtime != _time_of(_digest(source)):
        return False
    try:
        os.link(source, target)
    except OSError:
        return False
    return True


def normalise(path: Path, *, executable: bool) -> None:
    """Give a file the mode and the time that contexts have."""
    path.chmod(0o755 if executable else 0o644)
    time = _time_of(_digest(path)) if path.is_file() else _FIRST_TIME
    os.utime(path, (time, time))


def _time_of(digest: str) -> int:
    return _FIRST_TIME + int(digest[:12], 16) % _SPAN


def _move(beside: Path, target: Path) -> None:
    try:
        beside.rename(target)
    except OSError as error:
        if error.errno not in {errno.EEXIST, errno.ENOTEMPTY}:
            raise  # else: another process was quicker, with the same content


@contextmanager
def _unreadable() -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as error:
        raise SpecError("the Dockerfile or its ignore file is not UTF-8", remedy="Save it as UTF-8.") from error
    except OSError as error:
        raise SpecError(f"the build context can't be read: {error.filename}: {error.strerror}") from error


@contextmanager
def _unwritable(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        remedy = "Free some space there, or give yourself access."
        raise StorageFailed(f"{folder}: can't be written ({error.strerror})", remedy=remedy) from error
