"""Bytecode that is kept a package, and linked into the next environment that has it."""

from __future__ import annotations

import base64
import compileall
import hashlib
import py_compile
import subprocess
import sys
from pathlib import Path

from sluice.targets.local.bytecode import BytecodeStore, Sources, installed_sources, paths_of

TAG = str(sys.implementation.cache_tag)


def install(site: Path, package: str, **modules: str) -> None:
    """Put a package into `site`, with the record an installer writes."""
    info = site / f"{package}-1.dist-info"
    info.mkdir(parents=True)
    rows = [f"{package}-1.dist-info/RECORD,,", f"../../../bin/{package},sha256=of-this-place-only,1"]
    for name, text in modules.items():
        path = site / package / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
        rows.append(f"{package}/{name}.py,sha256={digest},{len(text)}")
    (info / "RECORD").write_text("\n".join(rows) + "\n")


def compile_all(site: Path, packages: tuple[Sources, ...]) -> None:
    for path in paths_of(site, packages):
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        compileall.compile_file(path, quiet=2, invalidation_mode=mode)


def imported(site: Path, statement: str) -> str:
    """Return what a Python prints that writes no bytecode and sees `site`."""
    command = [sys.executable, "-B", "-c", f"import sys; sys.path.insert(0, {str(site)!r}); {statement}"]
    return subprocess.check_output(command, text=True).strip()


def test_a_package_is_compiled_once_for_all_environments(tmp_path: Path) -> None:
    store = BytecodeStore(tmp_path / "store", TAG)
    one, other = tmp_path / "one", tmp_path / "other"
    for site in (one, other):
        install(site, "books", shelf="VALUE = 1\n", __init__="")
    packages = installed_sources(one)
    assert store.restore(one, packages) == packages
    compile_all(one, packages)
    store.keep(one, packages)
    assert store.restore(other, installed_sources(other)) == ()
    code = imported(other, "import books.shelf as s; print(s.__cached__, s.VALUE)")
    assert code == f"{other}/books/__pycache__/shelf.{TAG}.pyc 1"


def test_the_place_of_a_module_is_where_it_lies_not_where_it_was_compiled(tmp_path: Path) -> None:
    store = BytecodeStore(tmp_path / "store", TAG)
    for name in ("one", "other"):
        install(tmp_path / name, "books", shelf="def place():\n    return place.__code__.co_filename\n")
    compile_all(tmp_path / "one", installed_sources(tmp_path / "one"))
    store.keep(tmp_path / "one", installed_sources(tmp_path / "one"))
    store.restore(tmp_path / "other", installed_sources(tmp_path / "other"))
    assert imported(tmp_path / "other", "from books.shelf import place; print(place())").startswith(
        f"{tmp_path}/other/"
    )


def test_other_sources_are_another_package(tmp_path: Path) -> None:
    store = BytecodeStore(tmp_path / "store", TAG)
    install(tmp_path / "one", "books", shelf="VALUE = 1\n")
    install(tmp_path / "other", "books", shelf="VALUE = 2\n")
    packages = installed_sources(tmp_path / "one")
    compile_all(tmp_path / "one", packages)
    store.keep(tmp_path / "one", packages)
    changed = installed_sources(tmp_path / "other")
    assert store.restore(tmp_path / "other", changed) == changed


def test_a_module_that_can_not_be_compiled_is_kept_by_nobody_and_asked_for_no_more(tmp_path: Path) -> None:
    store = BytecodeStore(tmp_path / "store", TAG)
    install(tmp_path / "one", "books", broken="def {{ name }}():\n", whole="")
    packages = installed_sources(tmp_path / "one")
    compile_all(tmp_path / "one", packages)
    store.keep(tmp_path / "one", packages)
    install(tmp_path / "other", "books", broken="def {{ name }}():\n", whole="")
    assert store.restore(tmp_path / "other", packages) == ()
    assert [path.name for path in (tmp_path / "other").rglob("*.pyc")] == [f"whole.{TAG}.pyc"]


def test_what_another_process_keeps_already_stays(tmp_path: Path) -> None:
    store = BytecodeStore(tmp_path / "store", TAG)
    install(tmp_path / "one", "books", shelf="")
    packages = installed_sources(tmp_path / "one")
    compile_all(tmp_path / "one", packages)
    store.keep(tmp_path / "one", packages)
    store.keep(tmp_path / "one", packages)
    assert [path.name for path in store.folder.iterdir()] == [packages[0].key]


def test_packages_without_modules_are_none(tmp_path: Path) -> None:
    install(tmp_path, "data")
    assert installed_sources(tmp_path) == ()
