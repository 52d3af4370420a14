"""Rules about files that a specification names: they exist, and can be read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sluice.errors import SpecFileError
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import dotted, error_at, warning_at
from sluice.spec.nodes import MapNode, Node, Step, dig, mark_of, text
from sluice.spec.values import folder_of, local_path

_REMEDY = "Paths are relative to the file they are written in."
_CONDA_REMEDY = "List its packages under `dependencies`, or remove `conda_file`: the image alone is the same."


def code(node: Node, root: Path) -> Iterator[Diagnostic]:
    """The folder of the code and the scoring script exist, and the script is Python."""
    missing = list(absent(node, root, "folder", "code_configuration", "code"))
    yield from missing
    folder = local_path(node, root, "code_configuration", "code")
    script = dig(node, "code_configuration", "scoring_script")
    name = text(script)
    if missing or folder is None or script is None or name is None:
        return
    if not (folder / name).is_file():
        message = f"`code_configuration.scoring_script` does not exist in `code`: `{name}`"
        yield error_at(script.at, message, "It is relative to `code`.", "missing-file")
    elif fault := _python_fault(folder / name):
        yield error_at(script.at, f"the scoring script `{name}` is not valid Python: {fault}", "", "scoring-script")


def _python_fault(path: Path) -> str | None:
    if path.suffix != ".py":
        return None
    import ast

    try:
        ast.parse(path.read_bytes())
    except SyntaxError as error:
        return f"{error.msg} (line {error.lineno})"
    except ValueError as error:
        return str(error)
    return None


def model(node: Node, root: Path) -> Iterator[Diagnostic]:
    """A local model exists. With `datastore`, older files give a path inside it: Azure alone knows that."""
    for finding in absent(node, root, "file or folder", "path"):
        if dig(node, "datastore"):
            message = f"{finding.message}; with `datastore`, it must be a path inside it"
            yield warning_at(finding.at, message, finding.remedy, finding.code)
        else:
            yield finding


def inline_model(node: Node, root: Path) -> Iterator[Diagnostic]:
    """A local model written inside its deployment exists."""
    yield from absent(node, root, "file or folder", "model", "path")


def inline_environment(node: Node, root: Path) -> Iterator[Diagnostic]:
    """The files of an environment written inside its deployment exist."""
    found = dig(node, "environment")
    if isinstance(found, MapNode):
        yield from environment(found, root)


def environment(node: Node, root: Path) -> Iterator[Diagnostic]:
    """The build context and its Dockerfile exist; the conda file and the files it includes can be read."""
    missing = [*absent(node, root, "file", "conda_file"), *absent(node, root, "folder", "build", "path")]
    yield from missing
    if missing:
        return
    if context := local_path(node, root, "build", "path"):
        yield from _dockerfile(node, context)
    from sluice.spec.requirements import environment_needs

    try:
        needs = environment_needs(node, root)
    except SpecFileError as error:
        at = error.at or mark_of(node, "conda_file")
        yield error_at(at, error.message, error.remedy, error.code)
        return
    if needs.bare:
        written = text(node, "conda_file")
        message = (
            f"the conda file `{written}` names no dependencies" if written else "`conda_file` names no dependencies"
        )
        yield warning_at(mark_of(node, "conda_file"), message, _CONDA_REMEDY, "conda-file")


def _dockerfile(node: Node, context: Path) -> Iterator[Diagnostic]:
    written = dig(node, "build", "dockerfile_path") or dig(node, "build", "path")
    name = text(node, "build", "dockerfile_path") or "Dockerfile"
    if written and not (context / name).is_file():
        message = f"the build context has no `{name}`"
        yield error_at(written.at, message, "`dockerfile_path` is relative to `build.path`.", "missing-file")


def absent(node: Node, root: Path, what: str, *path: Step) -> Iterator[Diagnostic]:
    """Yield an error where the local path at `path` leads to no such thing: `file`, `folder` or `file or folder`."""
    target, found = local_path(node, root, *path), dig(node, *path)
    if target is None or found is None:
        return
    exists = target.is_dir() if what == "folder" else target.is_file() if what == "file" else target.exists()
    if exists:
        return
    from_folder = folder_of(found.at, root)
    shown = dotted(path)
    wrong = f"is no {what}" if target.exists() else "does not exist"
    message = f"`{shown}` {wrong}: `{text(found)}`"
    yield error_at(found.at, message, _REMEDY if from_folder.exists() else "", "missing-file")
