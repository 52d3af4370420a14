"""Facts about the tree itself that nothing else would notice when they stop being true."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import sluice
from sluice import errors

ROOT = Path(__file__).resolve().parents[3]
TEMPLATES = ROOT / "src" / "sluice" / "templates"
SOURCES = ("src", "infra", "scripts", "bench", "tests", "examples")
# Machines' own places, and registries that a user's mirror stands in for. In pieces, so that this file has none.
MACHINES = ["/" + "work/", "/" + "root/", "/home/" + "user"]
REGISTRIES = [
    "pypi" + ".org",
    "pythonhosted" + ".org",
    "proxy.golang" + ".org",
    "sum.golang" + ".org",
    "npmjs" + ".org",
    "crates" + ".io",
]
LONGEST_FILE, LONGEST_FUNCTION = 400, 60


def files() -> Iterator[Path]:
    """Every file of the project; folders that tools make are hidden or named for it."""
    for top in sorted(ROOT.iterdir()):
        if top.name.startswith(".") and top.name not in (".ci", ".gitignore"):
            continue
        found = [top] if top.is_file() else sorted(top.rglob("*"))
        yield from (path for path in found if path.is_file() and not _made_by_tools(path))


def _made_by_tools(path: Path) -> bool:
    parts = path.relative_to(ROOT).parts[1:]
    return any(part == "__pycache__" or part.startswith(".sluice") for part in parts) or path.suffix == ".pyc"


def sources() -> list[Path]:
    """Code; the cases hold broken code on purpose."""
    mine = [path for path in files() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in SOURCES]
    return [path for path in mine if not path.is_relative_to(ROOT / "tests" / "cases")]


def short(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_the_program_is_the_one_that_init_writes() -> None:
    assert (ROOT / "infra" / "__main__.py").read_text() == (TEMPLATES / "main.py.txt").read_text()


def test_the_projects_file_is_the_one_that_init_writes_but_for_its_name() -> None:
    mine = (ROOT / "Pulumi.yaml").read_text()
    name = yaml.safe_load(mine)["name"]
    assert mine == (TEMPLATES / "Pulumi.yaml.txt").read_text().replace("NAME", name)


def test_every_error_has_a_code_of_its_own() -> None:
    for module in pkgutil.walk_packages(sluice.__path__, "sluice."):
        if "_app" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    kinds = list(_subclasses(errors.SluiceError))
    assert len(kinds) > 15
    codes = [kind.__dict__.get("code") for kind in kinds]
    assert None not in codes
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch("[a-z]+(-[a-z]+)*", str(code)) for code in codes)
    assert {kind.exit_status for kind in kinds} <= {1, 2, 3, 130}


def _subclasses(kind: type[errors.SluiceError]) -> Iterator[type[errors.SluiceError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _subclasses(child)


@pytest.mark.parametrize("word", [*MACHINES, *REGISTRIES])
def test_nothing_names_a_machines_place_or_a_registry(word: str) -> None:
    pattern = re.compile(rf"(?<![A-Za-z0-9]){re.escape(word)}".encode())
    assert not [short(path) for path in files() if pattern.search(path.read_bytes())]


def test_no_source_file_is_too_long() -> None:
    lengths = {short(path): path.read_text().count("\n") for path in sources()}
    assert not {name: length for name, length in lengths.items() if length > LONGEST_FILE}


def test_no_function_is_too_long() -> None:
    assert not [one for path in sources() for one in _too_long(path)]


def _too_long(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or 0) - node.body[0].lineno + 1
            if length > LONGEST_FUNCTION:
                yield f"{short(path)}:{node.lineno} {node.name}: {length} lines"


def test_every_test_folder_is_free_of_init_files() -> None:
    assert not [short(path) for path in (ROOT / "tests").rglob("__init__.py")]
