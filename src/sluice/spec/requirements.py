"""The Python packages an environment asks for, from conda and pip files, so that they can be installed anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sluice.errors import Mark, SpecFileError
from sluice.spec.nodes import ListNode, MapNode, Node, dig, text
from sluice.spec.parse import read_documents, single
from sluice.spec.reading import display_path, read_text
from sluice.spec.values import local_path

_CONDA_SPEC = re.compile(r"(?:[\w-]+::)?(?P<name>[\w.-]+)\s*(?P<rest>.*)")
_INCLUDE = re.compile(r"(?:-r|--requirement)[\s=]+(?P<path>.+)")
_INSTALLERS = frozenset({"python", "pip", "setuptools", "wheel", "conda", "uv"})


@dataclass(frozen=True)
class PythonNeeds:
    """pip requirement lines, the file they came from, and the Python version asked for (`3.10`).

    `bare` says that there is a conda file, but that it names nothing at all.
    """

    requirements: tuple[str, ...] = ()
    source: Path | None = None
    python_version: str | None = None
    bare: bool = False


def pip_lines(path: Path) -> tuple[str, ...]:
    """Return the requirement lines of a pip file: no comments, `-r` files written out, each line once.

    Raises:
        SpecFileError: the file or one it includes can't be read.
    """
    return tuple(dict.fromkeys(_pip_lines(path, frozenset())))


def _pip_lines(path: Path, above: frozenset[Path]) -> Iterator[str]:
    try:
        content = read_text(path, path.name)
    except SpecFileError as error:
        raise SpecFileError(f"the requirements file `{path.name}` can't be read") from error
    for line in clean_lines(content):
        included = _INCLUDE.fullmatch(line)
        if not included:
            yield line
        elif (target := (path.parent / included["path"].strip()).resolve()) not in above:
            yield from _pip_lines(target, above | {path.resolve()})


def clean_lines(content: str) -> Iterator[str]:
    """Yield the lines of a requirements file without comments, continuations and blanks."""
    for line in re.sub(r"\\\r?\n", " ", content).splitlines():
        stripped = re.sub(r"(^|\s)#.*$", "", line).strip()
        if stripped:
            yield stripped


def environment_needs(node: Node, root: Path) -> PythonNeeds:
    """Return what an environment's conda file, or `requirements.txt` in its build context, asks for.

    Conda packages are taken for pip packages of the same name: on a machine without conda that is the best guess,
    and a wrong one is named by the resolver.

    Raises:
        SpecFileError: the conda file, or a requirements file, can't be read.
    """
    conda = dig(node, "conda_file")
    if isinstance(conda, MapNode):
        return _conda_needs(conda, root / conda.at.path)
    if file := local_path(node, root, "conda_file"):
        documents = read_documents(file, root)
        shown = Mark(display_path(file, root))
        return _conda_needs(single(documents, shown), file) if documents else PythonNeeds(source=file, bare=True)
    folder = local_path(node, root, "build", "path")
    pip_file = folder / "requirements.txt" if folder else None
    return PythonNeeds(pip_lines(pip_file), pip_file) if pip_file and pip_file.is_file() else PythonNeeds()


def _conda_needs(conda: Node, source: Path) -> PythonNeeds:
    listed = dig(conda, "dependencies")
    found = listed.items if isinstance(listed, ListNode) else ()
    conda_lines = [spec for item in found if (spec := text(item))]
    pip = [line for item in found for line in _pip_entries(dig(item, "pip"), source)]
    converted = [line for spec in conda_lines if (line := pip_requirement(spec))]
    lines = tuple(dict.fromkeys([*converted, *pip]))
    return PythonNeeds(lines, source, _python_version(conda_lines), bare=not found)


def _pip_entries(node: Node | None, source: Path) -> Iterator[str]:
    lines = [text(item) or "" for item in node.items] if isinstance(node, ListNode) else []
    for line in clean_lines("\n".join(lines)):
        included = _INCLUDE.fullmatch(line)
        if included:
            yield from pip_lines(source.parent / included["path"].strip())
        else:
            yield line


def pip_requirement(spec: str) -> str | None:
    """Return a conda package specification as a pip requirement; None for Python itself and installers."""
    found = _CONDA_SPEC.fullmatch(spec.strip())
    if not found or found["name"].lower() in _INSTALLERS:
        return None
    return found["name"] + _pip_version(found["rest"].strip())


def _pip_version(rest: str) -> str:
    exact = re.fullmatch(r"(={1,2})\s*(?P<version>[\w.!+]+)(\.?\*)?(=.*)?", rest)
    if not exact:
        return rest.replace(" ", "")
    fuzzy = exact[1] == "=" or rest.rstrip().endswith("*")
    return f"=={exact['version'].rstrip('.')}" + (".*" if fuzzy else "")


def _python_version(specs: Iterable[str]) -> str | None:
    for spec in specs:
        found = re.fullmatch(r"(?:[\w-]+::)?python\s*[=~>]*\s*(?P<version>\d+(\.\d+)*).*", spec.strip())
        if found:
            return found["version"]
    return None
