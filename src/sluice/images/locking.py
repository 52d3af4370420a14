"""Resolving requirements into a lock, with uv."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from sluice.errors import EnvironmentFailed, SpecError
from sluice.images.feeds import split_feeds
from sluice.images.lock import OWN, SERVER, LockRequest, lock_text
from sluice.images.uv import Run

_CONSTRAINT = re.compile(r"(?:-c|--constraint)[\s=]*(?P<file>.+)")
_LOCAL = re.compile(r"(?:-e|--editable)[\s=]|\.{0,2}/|~/|file:|[^\s@]+\.whl\b|\S+\s*@\s*file:")
_REMEDY = "Correct the requirements, or give uv more room (fewer exact versions)."


def resolve(request: LockRequest, source: Path, run: Run, previous: str | None = None) -> str:
    """Return the text of the lock that `request` resolves to; `source` is the file it is for.

    `previous` is the lock as it was: its versions stay where they still fit. None takes the newest of everything.

    Raises:
        SpecError: requirements that only this machine can install.
        EnvironmentFailed: requirements that do not resolve, in the resolver's words.
        Interrupted: the user stopped it.
    """
    _, lines = split_feeds(request.requirements)
    _refuse_local(lines, source)
    with tempfile.TemporaryDirectory(prefix="sluice-lock-") as name:
        folder = Path(name)
        (folder / OWN).write_text("".join(f"{line}\n" for line in _with_constraints(lines, source, folder)))
        (folder / SERVER).write_text("".join(f"{line}\n" for line in request.server))
        if previous:
            (folder / "out.txt").write_text(previous)
        run.report(f"resolving {len(lines)} requirements")
        run(_arguments(request), folder, f"the requirements of {source.name} do not resolve")
        return lock_text(request, (folder / "out.txt").read_text(), source.name)


def _arguments(request: LockRequest) -> list[str]:
    flags = ["--universal", "--generate-hashes", "--no-header", "--no-emit-index-url", "--annotation-style", "line"]
    python = ["--python", sys.executable, "--python-version", request.python_version]
    return ["pip", "compile", "--quiet", *flags, *python, "--output-file", "out.txt", OWN, SERVER]


def _refuse_local(lines: Sequence[str], source: Path) -> None:
    local = next((line for line in lines if _LOCAL.match(line)), None)
    if local:
        raise SpecError(
            f"{source.name}: `{local}` lies on this machine only: an image, and everyone else, would lack it",
            remedy="Publish the package to a feed, or build an image that holds it and name that as the base.",
        )


def _with_constraints(lines: Sequence[str], source: Path, folder: Path) -> Iterator[str]:
    """Yield the lines, their constraint files copied along, so that the lock names no folder of this machine."""
    for line in lines:
        found = _CONSTRAINT.fullmatch(line)
        if found is None or "://" in line:
            yield line
            continue
        name = Path(found["file"].strip())
        try:
            shutil.copyfile(source.parent / name, folder / name.name)
        except OSError as error:
            raise EnvironmentFailed(
                f"{source.name}: the constraints {name} can't be read: {error.strerror}", remedy=_REMEDY
            ) from error
        yield f"-c {name.name}"
