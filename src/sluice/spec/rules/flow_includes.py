"""Rules of a flow's `additional_includes`: each leads somewhere inside the project, and to a place of its own.

Source of the rules: prompt flow 1.18 copies includes into a copy of the flow's folder, one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import error_at, warning_at
from sluice.spec.includes import Include, additional_includes, boundary, is_file
from sluice.spec.nodes import Node
from sluice.spec.values import folder_of


def includes(node: Node, root: Path) -> Iterator[Diagnostic]:
    """Each include exists, stays in the project, and overwrites nothing."""
    folder = folder_of(node.at, root)
    project = boundary(folder, root)
    seen: dict[str, Include] = {}
    for include in additional_includes(node, folder):
        yield from _one(include, folder, project)
        yield from _clash(include, seen.get(include.name), folder)
        seen[include.name] = include


def _one(include: Include, folder: Path, project: Path | None) -> Iterator[Diagnostic]:
    if not include.exists:
        message = f"the additional include `{include.written}` does not exist"
        remedy = "Paths in additional_includes are relative to the flow's folder."
        yield error_at(include.at, message, remedy, "missing-file")
    elif project and not include.path.is_relative_to(project):
        message = f"the additional include `{include.written}` leads out of the project"
        remedy = "Other machines don't have it: copy it into the project."
        yield error_at(include.at, message, remedy, "include-escape")
    elif not project and not include.path.is_relative_to(folder.resolve().parent):
        message = f"the additional include `{include.written}` leads far away from the flow"
        remedy = "Keep it in the project, so that other machines have it."
        yield warning_at(include.at, message, remedy, "include-escape")
    elif Path(include.written).is_absolute():
        message = f"the additional include `{include.written}` is an absolute path"
        remedy = "Other machines have the project elsewhere: write it relative to the flow's folder."
        yield warning_at(include.at, message, remedy, "include-escape")
    elif include.archived:
        message = f"the additional include `{include.written}` means an archive that is not made yet"
        remedy = f"Prompt flow makes it for a run; to deploy the flow, include the folder `{include.archived.name}`."
        yield warning_at(include.at, message, remedy, "include-archive")


def _clash(include: Include, earlier: Include | None, folder: Path) -> Iterator[Diagnostic]:
    own = folder / include.name
    if not include.exists or include.path == folder.resolve():
        return
    if earlier and earlier.path == include.path:
        message = f"the additional include `{include.written}` is listed twice, first in line {earlier.at.line}"
        yield warning_at(include.at, message, "Keep one of the two.", "include-clash")
    elif earlier:
        message = f"the additional include `{include.written}` overwrites `{earlier.written}`, which has the same name"
        yield warning_at(include.at, message, "Rename one of the two.", "include-clash")
    elif is_file(own) and own.resolve() != include.path:
        message = f"the additional include `{include.written}` overwrites `{include.name}` of the flow"
        # Without its definition the flow is another one; prompt flow says nothing of it.
        report = error_at if include.name == Path(include.at.path).name else warning_at
        yield report(include.at, message, "Rename one of the two.", "include-clash")
