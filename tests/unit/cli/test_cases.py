"""Each folder of tests/cases/valid and tests/cases/invalid is a call of `sluice validate` with its exact answer.

The call is made in the folder, on its YAML files; those in folders below are what they name. `call.txt` has other
arguments. `expected.txt` is what it prints. One more folder is one more test.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Call

CASES = Path(__file__).parents[2] / "cases"
STATUS = {"valid": 0, "invalid": 1}
FOLDERS = [folder for kind in STATUS for folder in sorted((CASES / kind).iterdir())]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: f"{folder.parent.name}/{folder.name}")
def test_case(call: Call, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.chdir(folder)
    said = call("validate", *arguments(folder))

    assert said.out == (folder / "expected.txt").read_text(encoding="utf-8")
    assert (said.status, said.err) == (STATUS[folder.parent.name], "")
    assert "not-to-be-shown" not in said.out


def arguments(folder: Path) -> list[str]:
    """What the call is made with."""
    written = folder / "call.txt"
    if written.is_file():
        return shlex.split(written.read_text(encoding="utf-8"))
    return sorted(path.name for path in folder.iterdir() if path.suffix in {".yaml", ".yml"})
