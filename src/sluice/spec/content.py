"""The files of a local model and the hash that names them, the same on every machine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from sluice.errors import SpecError
from sluice.spec.flow import flow_file, read_flow
from sluice.spec.frozen import frozen_map
from sluice.spec.includes import Include, additional_includes, boundary
from sluice.spec.models import ModelContent
from sluice.spec.parse import read_node
from sluice.spec.requirements import pip_lines

_IGNORED = frozenset({"__pycache__", ".git", ".promptflow", ".runs", ".venv", ".DS_Store"})
_IGNORE_FILES = (".amlignore", ".gitignore")  # the first one that is there counts
_LOCK = ".lock.txt"  # says what an environment is built from; the model is the same with it and without
_CHUNK = 1024 * 1024


def model_content(path: Path, root: Path | None = None) -> ModelContent:
    """Return the files of the model at `path` (a file or a folder), with a flow's additional includes in their place.

    Marks in errors are relative to `root` (by default the model's own folder).

    Raises:
        SpecError: the path is missing or unreadable, an include is missing, an archive yet to be made or another
            flow's definition, or the flow is broken.
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
    includes = additional_includes(read_node(definition, root), path) if definition else ()
    project = boundary(path.absolute(), root.absolute()) if includes else None
    for include in includes:
        files |= _included_files(include, definition, project)
    return _without_ignored({name: one for name, one in files.items() if not name.endswith(_LOCK)})


def _without_ignored(files: Mapping[str, Path]) -> dict[str, Path]:
    """Return the files that the folder's ignore file leaves in, as Azure's upload and prompt flow's build choose them.

    One ignore file counts, at the top, also for what is included; patterns are git's.
    """
    source = next((files[name] for name in _IGNORE_FILES if name in files), None)
    if source is None:
        return dict(files)
    from pathspec import PathSpec

    try:
        rules = PathSpec.from_lines("gitignore", source.read_text(encoding="utf-8").splitlines())
    except ValueError as error:
        raise SpecError(f"{source.name} of the model's folder can't be read: {error}") from error
    return {name: path for name, path in files.items() if not rules.match_file(name)}


def _walk(folder: Path, prefix: str, above: frozenset[Path]) -> Iterator[tuple[str, Path]]:
    """Yield name and path of every file below; links to folders are followed, but not in circles."""
    real = folder.resolve()
    if real in above:
        raise SpecError(f"the folder {folder} is a link to a folder that holds it")
    for entry in folder.iterdir():
        if entry.name in _IGNORED:
            continue
        if entry.is_dir():
            yield from _walk(entry, f"{prefix}{entry.name}/", above | {real})
        elif entry.is_file():
            yield prefix + entry.name, entry
        elif entry.exists():
            raise SpecError(f"{entry} is neither a file nor a folder", remedy="Take it out of the model's folder.")


def _included_files(include: Include, definition: Path | None, project: Path | None) -> dict[str, Path]:
    """Return the files an include brings, by their names in the flow's folder; they overwrite what lies there."""
    if not include.exists:
        remedy = "Paths in additional_includes are relative to the flow's folder."
        raise SpecError(f"the additional include `{include.written}` does not exist", remedy=remedy, at=include.at)
    if project and not include.path.is_relative_to(project):
        remedy = "Other machines don't have it: copy it into the project."
        message = f"the additional include `{include.written}` leads out of the project"
        raise SpecError(message, remedy=remedy, at=include.at)
    if include.archived:
        message = f"a model needs the archive `{include.name}`, which is not made yet"
        remedy = f"Include the folder `{include.archived.name}` itself, or make the archive."
        raise SpecError(message, remedy=remedy, at=include.at)
    if definition and include.name == definition.name and include.path != definition.resolve():
        message = f"the additional include `{include.written}` overwrites `{include.name}` of the flow"
        raise SpecError(message, remedy="Rename one of the two.", at=include.at)
    if include.path.is_dir():
        return dict(sorted(_walk(include.path, f"{include.name}/", frozenset())))
    return {include.name: include.path}
