"""Locks: the exact packages that requirements resolve to, in a file beside them that is committed. Pure.

A lock `requirements.lock.txt` holds every package with version, hashes and what asked for it, for all platforms; its
head says what it was made from. It is a requirements file: uv and pip install it as it is. It names no index.
It is resolved together with the packages of the server that the deployment runs on, so that both fit each other; on
an image that brings its server, only what the requirements themselves lead to is installed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sluice.errors import Mark, SpecError
from sluice.images.feeds import split_feeds
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import error_at, warning_at
from sluice.spec.frozen import frozen_map

SUFFIX: Final = ".lock.txt"
OWN: Final = "requirements.in"
SERVER: Final = "server.in"
SHARES: Final = 8

_HEAD: Final = "# Locked by Sluice. Don't edit: `sluice environment lock` writes it."
_ENTRY: Final = re.compile(
    r"(?P<name>[A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?(?:==(?P<version>[^\s;\\]+)| @ (?P<url>[^\s;\\]+))"
)


@dataclass(frozen=True)
class LockRequest:
    """What a lock is made from.

    Attributes:
        requirements: the lines of the user's files, without those that name indexes.
        server: the packages that serve: resolved along, locked too.
        python_version: the oldest Python it is for (`3.11`).
    """

    requirements: tuple[str, ...]
    server: tuple[str, ...] = ()
    python_version: str = "3.11"

    @property
    def digest(self) -> str:
        """The SHA-256 of the user's lines; their order and the indexes they come from don't count."""
        return requirements_digest(self.requirements)


@dataclass(frozen=True)
class LockedPackage:
    """One entry: `text` is all of it, with marker and hashes; `via` names what asked for it (packages, OWN, SERVER)."""

    name: str
    version: str
    text: str
    via: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lock:
    """A lock as it was read. A package may stand several times, for different platforms or Pythons."""

    digest: str
    python_version: str
    server: tuple[str, ...] = ()
    packages: tuple[LockedPackage, ...] = ()

    @property
    def versions(self) -> Mapping[str, str]:
        """Versions by package; several are joined by `, `."""
        found: dict[str, list[str]] = {}
        for package in self.packages:
            found.setdefault(package.name, []).append(package.version)
        return {name: ", ".join(dict.fromkeys(versions)) for name, versions in found.items()}


@dataclass(frozen=True)
class Changes:
    """What differs between two sets of packages: versions by name, for changed ones (old, new)."""

    added: Mapping[str, str] = field(default_factory=frozen_map)
    removed: Mapping[str, str] = field(default_factory=frozen_map)
    changed: Mapping[str, tuple[str, str]] = field(default_factory=frozen_map)

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def words(self) -> tuple[str, ...]:
        """Return each change in one word: `+a==1`, `-b==2`, `c 1 -> 2`."""
        return (
            *(f"+{name}=={version}" for name, version in self.added.items()),
            *(f"-{name}=={version}" for name, version in self.removed.items()),
            *(f"{name} {old} -> {new}" for name, (old, new) in self.changed.items()),
        )


def lock_path(source: Path) -> Path:
    """Return where the lock of a requirements or conda file lies: beside it, `<stem>.lock.txt`."""
    return source.with_name(f"{source.stem}{SUFFIX}")


def requirements_digest(requirements: Iterable[str]) -> str:
    """Return the SHA-256 of requirement lines; order, repetition and index options don't count."""
    _, lines = split_feeds(requirements)
    return hashlib.sha256("\n".join(sorted({re.sub(r"\s+", " ", line).strip() for line in lines})).encode()).hexdigest()


def lock_text(request: LockRequest, compiled: str, source: str) -> str:
    """Return the file: `compiled` (what uv made of the request) below a head that says where it comes from."""
    head = [
        _HEAD,
        f"# from: {source}",
        f"# input: sha256:{request.digest}",
        f"# python: {request.python_version}",
        f"# server: {json.dumps(list(request.server))}",
    ]
    # Not the order in which `via` lists two parents, nor a name of ours, would mean anything to a reader.
    body = compiled.replace(f"-r {OWN}", source).replace(f"-r {SERVER}", "(server)")
    return "\n".join(head) + "\n" + body


def read_lock(text: str, name: str = "the lock") -> Lock:
    """Return what a lock says. Raises SpecError for a file that is none of ours."""
    head = dict(re.findall(r"^# (\w+): (.*)$", text, re.MULTILINE))
    try:
        source, digest = head["from"], head["input"].removeprefix("sha256:")
        server, python = tuple(json.loads(head["server"])), head["python"]
    except (KeyError, ValueError):
        message = f"{name} is no lock that Sluice wrote: its head is missing"
        raise SpecError(message, remedy="Remove it and write it anew: sluice environment lock") from None
    return Lock(digest, python, server, tuple(_packages(text, source)))


def _packages(text: str, source: str) -> Iterator[LockedPackage]:
    for block in re.split(r"\n(?=[A-Za-z0-9])", text):
        found = _ENTRY.match(block)
        if found:
            entry = "\n".join(line for line in block.splitlines() if not line.lstrip().startswith("#")).rstrip() + "\n"
            yield LockedPackage(
                normalised(found["name"]), found["version"] or found["url"], entry, tuple(_via(block, source))
            )


def _via(block: str, source: str) -> Iterator[str]:
    notes = " ".join(line.strip().lstrip("# ") for line in block.splitlines() if line.lstrip().startswith("#"))
    names = {source: OWN, "(server)": SERVER}
    for one in notes.removeprefix("via").split(","):
        word = one.strip().removeprefix("via ").strip()
        if word:
            yield names.get(word) or normalised(word)


def normalised(name: str) -> str:
    """Return a package's name as indexes know it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def asked_for(lock: Lock) -> tuple[LockedPackage, ...]:
    """Return the packages that the requirements themselves lead to, without those that only the server needs."""
    wanted = {OWN}
    while True:
        more = {package.name for package in lock.packages if wanted.intersection(package.via)}
        if more <= wanted:
            return tuple(package for package in lock.packages if package.name in wanted)
        wanted |= more


def shares(packages: Iterable[LockedPackage], count: int = SHARES) -> Mapping[str, str]:
    """Return requirements files by name: each holds the packages whose names fall to it, whatever the others are.

    So a package that comes or goes changes one of them; one that is empty is left out.
    """
    found: dict[str, list[str]] = {}
    for package in sorted(packages, key=lambda one: (one.name, one.text)):
        share = int(hashlib.sha256(package.name.encode()).hexdigest(), 16) % count
        found.setdefault(str(share), []).append(package.text)
    return {name: "".join(found[name]) for name in sorted(found)}


def changes(old: Mapping[str, str], new: Mapping[str, str]) -> Changes:
    """Return what differs between two maps of versions by package."""
    return Changes(
        frozen_map({name: new[name] for name in sorted(new.keys() - old.keys())}),
        frozen_map({name: old[name] for name in sorted(old.keys() - new.keys())}),
        frozen_map({n: (old[n], new[n]) for n in sorted(new.keys() & old.keys()) if new[n] != old[n]}),
    )


def lock_findings(
    at: Mark, requirements: Sequence[str], server: Sequence[str], lock: str | None, name: str
) -> tuple[Diagnostic, ...]:
    """Return what is wrong between requirements and their lock; nothing where there is no lock: it is optional.

    Args:
        at: where the requirements are asked for.
        requirements: all lines the lock is made from.
        server: the packages of the server as of now.
        lock: the lock's text, None without a lock.
        name: the lock's path as the user sees it.
    """
    if lock is None:
        return ()
    try:
        found = read_lock(lock, f"`{name}`")
    except SpecError as error:
        return (error_at(at, error.message, error.remedy, "lock"),)
    if found.digest != requirements_digest(requirements):
        message = f"`{name}` was locked from other requirements{_missing(found, requirements)}"
        return (error_at(at, message, "Lock them again: sluice environment lock", "lock-drift"),)
    if tuple(server) != found.server:
        message = f"`{name}` was locked beside other packages of the server than this version of Sluice installs"
        return (warning_at(at, message, "Lock again: sluice environment lock", "lock-server"),)
    return ()


def _missing(lock: Lock, requirements: Sequence[str]) -> str:
    """Return which of the requirements' packages the lock does not know, in words; nothing where it knows all."""
    _, lines = split_feeds(requirements)
    names = [normalised(found[0]) for line in lines if (found := re.match(r"[A-Za-z0-9][\w.-]*", line))]
    unknown = [name.rstrip("-") for name in names if name.rstrip("-") not in lock.versions]
    return f": it lacks {', '.join(unknown[:3])}" if unknown else ""
