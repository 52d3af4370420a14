"""Compiled bytecode, kept a package: an environment that differs in one package compiles that one only.

Compiling takes most of the time in which an environment is made. What is kept is found by the hashes of a package's
sources, and by the Python; it is linked into each environment, and never checked against sources there.
"""

from __future__ import annotations

import csv
import errno
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex


@dataclass(frozen=True)
class Sources:
    """The modules of one installed package: their paths below `site-packages`, and a hash of all of them."""

    key: str
    names: tuple[str, ...]


def installed_sources(site: Path) -> tuple[Sources, ...]:
    """Return the modules of every package in `site`, from the records that installers write."""
    return tuple(found for record in sorted(site.glob("*.dist-info/RECORD")) if (found := _sources(record)).names)


def _sources(record: Path) -> Sources:
    with record.open(newline="", encoding="utf-8") as file:
        rows = sorted({(row[0], row[1]) for row in csv.reader(file) if _is_module(row)})
    total = hashlib.sha256("\n".join(f"{name},{digest}" for name, digest in rows).encode())
    return Sources(total.hexdigest()[:32], tuple(name for name, _ in rows))


def _is_module(row: list[str]) -> bool:
    """Tell whether a row is a module with a hash, within `site-packages`."""
    return len(row) > 1 and row[0].endswith(".py") and bool(row[1]) and not row[0].startswith(("/", ".."))


@dataclass(frozen=True)
class BytecodeStore:
    """What was compiled by one Python: a folder a package, `tag` as in the names of files (`cpython-311`)."""

    folder: Path
    tag: str

    def restore(self, site: Path, packages: Iterable[Sources]) -> tuple[Sources, ...]:
        """Link what is kept into `site`; return the packages of which nothing is."""
        missing = []
        for package in packages:
            kept = self.folder / package.key
            if not kept.is_dir():
                missing.append(package)
                continue
            _link_all({kept / str(n): site / self._compiled(name) for n, name in enumerate(package.names)})
        return tuple(missing)

    def keep(self, site: Path, packages: Iterable[Sources]) -> None:
        """Keep what was compiled in `site`. A package of which another process keeps it already stays as it is."""
        for package in packages:
            beside = self.folder / f".{package.key}.{token_hex(4)}"
            beside.mkdir(parents=True)
            _link_all({site / self._compiled(name): beside / str(n) for n, name in enumerate(package.names)})
            try:
                beside.rename(self.folder / package.key)
            except OSError:  # it is there
                shutil.rmtree(beside, ignore_errors=True)

    def _compiled(self, name: str) -> Path:
        path = Path(name)
        return path.parent / "__pycache__" / f"{path.stem}.{self.tag}.pyc"


def _link_all(links: Mapping[Path, Path]) -> None:
    """Link (or copy, across disks) each file that is there; what could not be compiled is in no store."""
    for folder in {target.parent for target in links.values()}:
        folder.mkdir(parents=True, exist_ok=True)
    for source, target in links.items():
        with suppress(FileNotFoundError, FileExistsError):
            _link(source, target)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP}:
            raise
        shutil.copyfile(source, target)


def paths_of(site: Path, packages: Iterable[Sources]) -> Iterator[str]:
    """Yield the files that a compiler is given."""
    for package in packages:
        yield from (str(site / name) for name in package.names)
