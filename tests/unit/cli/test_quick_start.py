"""Editors and hooks wait for `validate` and `explain`: what they don't need is not imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"typer", "rich", "pulumi", "jsonschema", "asyncio", "multiprocessing", "sluice.cli.app", "sluice.targets"}
CODE = """
import sys
from sluice.cli.main import run
status = run(sys.argv[1:])
print(status, *sys.modules, file=sys.stderr)
"""


def loaded(*arguments: str, folder: Path) -> tuple[str, set[str]]:
    """The status of a call in a process of its own, and the modules it imported."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    status, *modules = done.stderr.split()
    return status, set(modules)


@pytest.mark.parametrize("arguments", [("validate", "e.yaml"), ("validate", "e.yaml", "--json"), ("explain", "type")])
def test_what_is_not_imported(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "e.yaml").write_text("name: library\nauth_mode: key\n")
    status, modules = loaded(*arguments, folder=tmp_path)
    assert status == "0"
    assert HEAVY.isdisjoint(modules)


def test_help_is_quick_too(tmp_path: Path) -> None:
    status, modules = loaded("validate", "--help", folder=tmp_path)
    assert status == "0"
    assert HEAVY.isdisjoint(modules)


def test_other_verbs_are_typers(tmp_path: Path) -> None:
    assert "typer" in loaded("up", "--help", folder=tmp_path)[1]
