"""The files of a local model and the hash that names them, the same on every machine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from sluice.errors import Mark, SpecError
from sluice.spec.flow import additional_includes, flow_file, read_flow
from sluice.spec.models import ModelContent, frozen_map
from sluice.spec.nodes import Node
from sluice.spec.parse import read_node
from sluice.spec.requirements import pip_lines

_IGNORED = frozenset({"__pycache__", ".git", ".promptflow", ".venv", ".DS_Store"})
_CHUNK = 1024 * 1024


def model_content(path: Path, root: Path | None = None) -> ModelContent:
    """Return the files of the model at `path` (a file or a folder), with a flow's additional includes in their place.

    Marks in errors are relative to `root` (by default the model's own folder).

    Raises:
        SpecError: the path is missing or unreadable, an include is missing or clashes, or the flow is broken.
    """
    try:
        files = _model_files(path, root or path)
        flow = read_flow(path, files, root) if path.is_dir() else None
        return ModelContent(content_hash(files), frozen_map(files), flow, mlflow_requirements(files))
    except OSError as error:
        raise SpecError(f"the model file {error.filename} can't be read: {error.strerror}") from error


def content_hash(files: Mapping[str, Path]) -> str:
    """Return the SHA-256 over sorted names, executable bits and bytes of `files`; times and places don't count."""
    total = hashlib.sha256()
    for name in sorted(files):
        path = files[name]
        executable = bool(path.stat().st_mode & 0o100)
        total.update(f"{len(name.encode())}:{name}:{int(executable)}:{_file_hash(path)}\n".encode())
    return total.hexdigest()


def mlflow_requirements(files: Mapping[str, Path]) -> tuple[str, ...]:
    """Return the packages an MLflow model asks for: its `requirements.txt`; other models ask for none.

    Raises: SpecFileError where that file can't be read.
    """
    return pip_lines(files["requirements.txt"]) if {"MLmodel", "requirements.txt"} <= files.keys() else ()


def _file_hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _model_files(path: Path, root: Path) -> dict[str, Path]:
    if path.is_file():
        return {path.name: path}
    if not path.is_dir():
        raise SpecError(f"the model path {path} does not exist")
    files = dict(sorted(_walk(path, "", frozenset())))
    definition = flow_file(path)
    for at, included in _includes(read_node(definition, root), path) if definition else ():
        files |= _included_files(included, at, files)
    return files


def _walk(folder: Path, prefix: str, above: frozenset[Path]) -> Iterator[tuple[str, Path]]:
    """Yield name and path of every file below; links to folders are followed, but not in circles."""
    real = folder.resolve()
    if real in above:
        raise SpecError(f"the folder {folder} is a link to a folder that holds it")
    for entry in folder.iterdir():
        if entry.name in _IGNORED or entry.suffix == ".pyc":
            continue
        if entry.is_dir():
            yield from _walk(entry, f"{prefix}{entry.name}/", above | {real})
        elif entry.is_file():
            yield prefix + entry.name, entry
        elif entry.exists():
            raise SpecError(f"{entry} is neither a file nor a folder", remedy="Take it out of the model's folder.")


def _includes(flow: Node, folder: Path) -> Iterator[tuple[Mark, Path]]:
    """Yield place and path of every additional include of the flow in `folder`."""
    for written, node in additional_includes(flow):
        path = (folder / written).resolve()
        if not path.exists():
            remedy = "Paths in additional_includes are relative to the flow's folder."
            raise SpecError(f"the additional include `{written}` does not exist", remedy=remedy, at=node.at)
        yield node.at, path


def _included_files(path: Path, at: Mark, present: Mapping[str, Path]) -> dict[str, Path]:
    """Return the files an include brings: it lies in the flow's folder under its own name."""
    files = dict(sorted(_walk(path, f"{path.name}/", frozenset()))) if path.is_dir() else {path.name: path}
    clash = next((name for name in files if name in present and present[name].resolve() != files[name].resolve()), None)
    if clash:
        message = f"the additional include `{path.name}` would overwrite `{clash}` of the flow"
        raise SpecError(message, remedy="Rename one of the two.", at=at)
    return files
