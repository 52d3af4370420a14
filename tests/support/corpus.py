"""The corpus of real files and of files with one fault, where it lies: beside the checkout, or in SLUICE_CORPUS."""

from __future__ import annotations

import csv
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

CORPUS = Path(os.environ.get("SLUICE_CORPUS") or Path(__file__).parents[3] / "shared" / "corpus")


@dataclass(frozen=True)
class Real:
    """A real file: `loads` is what Azure's or prompt flow's own loader says of it, names given by flags."""

    path: str
    kind: str
    loads: bool
    error: str


@dataclass(frozen=True)
class Mutant:
    """A file with one change: `expected` is invalid, valid or unsure; `line` is 0 where the fault has none."""

    path: str
    kind: str
    what: str
    expected: str
    line: int
    base: str


def _rows(name: str) -> list[dict[str, str]]:
    file = CORPUS / name
    if not file.is_file():
        return []
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def real_files() -> list[Real]:
    """Return the real files; none where the corpus is absent."""
    return [
        Real(row["path"], row["kind"], row["loads_with_names_from_flags"] == "True", row["error"] or "")
        for row in _rows("real.tsv")
    ]


def mutants() -> list[Mutant]:
    """Return the files with one fault: of Azure's kinds, and of prompt flow's."""
    azure = [_mutant(row, f"mutants/{row['file']}") for row in _rows("mutants.tsv")]
    return azure + [_mutant(row, row["file"]) for row in _rows("mutants_flow.tsv")]


def _mutant(row: dict[str, str], path: str) -> Mutant:
    what = f"{row['mutation']}: {row['detail']} ({row['rule']})"
    return Mutant(path, row["kind"], what, row["expected"], int(row["fault_line"] or 0), row["base"])


def lay_out(folder: Path) -> None:
    """Copy the corpus to `folder`, with empty files in the places of those that stood around the real ones."""
    shutil.copytree(CORPUS / "real", folder / "real")
    for name in (CORPUS / "siblings.txt").read_text(encoding="utf-8").splitlines():
        _touch(folder / "real" / name)
    shutil.copytree(CORPUS / "mutants", folder / "mutants")
    shutil.copytree(CORPUS / "mutants_flow", folder / "mutants_flow")


def _touch(path: Path) -> None:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def in_place(mutant: Mutant, folder: Path) -> Path:
    """Put a mutant where its real file stood in a laid-out corpus, so that its paths lead somewhere; return its path.

    It gets a name of its own; a flow, whose name says what it is, gets a copy of the whole folder.
    """
    base = folder / "real" / mutant.base
    if mutant.path.startswith("mutants_flow/"):
        target = base.parent.with_name(f"{base.parent.name}~{mutant.path.split('/')[1]}") / Path(mutant.path).name
        if not target.parent.exists():
            shutil.copytree(base.parent, target.parent, symlinks=True)
    else:
        target = base.with_name(f"{base.stem}~{Path(mutant.path).stem}{base.suffix}")
    shutil.copyfile(folder / mutant.path, target)
    return target


KINDS = {
    "managed_online_endpoint": "endpoint",
    "kubernetes_online_endpoint": "endpoint",
    "managed_online_deployment": "deployment",
    "kubernetes_online_deployment": "deployment",
    "model": "model",
    "environment": "environment",
    "connection": "connection",
    "pf_connection": "connection",
    "workspace": "workspace",
    "pf_flow": "flow",
    "pf_flow_flex": "flex-flow",
    "pf_run": "run",
}
