"""Conda files: which packages only conda itself can be meant to bring, and what a build with conda needs."""

from __future__ import annotations

import re
from pathlib import Path

from sluice.errors import SpecError
from sluice.spec.nodes import ListNode, Node, dig, text
from sluice.spec.parse import read_node
from sluice.spec.requirements import pip_requirement

_INCLUDE = re.compile(r"(?:-r|--requirement|-c|--constraint)[\s=]+(?P<path>.+)")


def conda_packages(file: Path) -> tuple[str, ...]:
    """Return the specifications of a conda file that name conda packages, without Python itself and installers.

    Raises: SpecFileError for a file that can't be read.
    """
    return tuple(spec for item in _dependencies(file) if (spec := text(item)) and pip_requirement(spec))


def conda_files(file: Path) -> dict[str, Path | bytes]:
    """Return the conda file and the requirements files that its pip section includes, as a build context.

    Raises:
        SpecFileError: the conda file can't be read.
        SpecError: an included file is missing, or lies outside of the conda file's folder.
    """
    found: dict[str, Path | bytes] = {file.name: file.read_bytes()}
    for item in _dependencies(file):
        listed = dig(item, "pip")
        for line in listed.items if isinstance(listed, ListNode) else ():
            if included := _INCLUDE.fullmatch((text(line) or "").strip()):
                name = included["path"].strip()
                found[Path(name).as_posix()] = _included(file.parent / name, file)
    return found


def _included(path: Path, file: Path) -> bytes:
    if not path.is_file() or not path.resolve().is_relative_to(file.parent.resolve()):
        raise SpecError(
            f"{file.name}: `{path.name}` is not there, or not in the conda file's folder",
            remedy="Put it beside the conda file: the build sees that folder only.",
        )
    return path.read_bytes()


def _dependencies(file: Path) -> tuple[Node, ...]:
    listed = dig(read_node(file, file.parent), "dependencies")
    return tuple(listed.items) if isinstance(listed, ListNode) else ()
