"""Our bodies are those that Azure's own loader and converter make of the same YAML, for every file it takes.

SLUICE_AZURE_AI_ML names a Python that has azure-ai-ml. The corpus lies beside the checkout.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import corpus
import pytest
import yaml

ORACLE = Path(__file__).parent / "oracle"
KINDS = ("endpoint", "deployment", "model", "environment", "connection")
PYTHON = os.environ.get("SLUICE_AZURE_AI_ML")
RIGHT: list[dict[str, Any]] = json.loads((ORACLE / "differences.json").read_text())

pytestmark = pytest.mark.skipif(PYTHON is None, reason="SLUICE_AZURE_AI_ML names no Python with azure-ai-ml")


@dataclass(frozen=True)
class File:
    kind: str
    path: Path
    source: str


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[File]:
    found = [File(path.name.partition("-")[0].partition(".")[0], path, "case") for path in _cases()]
    if (corpus.CORPUS / "real.tsv").is_file():
        folder = tmp_path_factory.mktemp("corpus")
        corpus.lay_out(folder)
        found += [one for one in _of_corpus(folder) if one.kind in KINDS]
    for one in found:
        if one.source != "case":
            _complete(one)
    return found


def _cases() -> Iterator[Path]:
    yield from sorted((ORACLE / "cases").glob("*.yaml"))


def _of_corpus(folder: Path) -> Iterator[File]:
    for real in corpus.real_files():
        yield File(corpus.KINDS.get(real.kind, ""), folder / "real" / real.path, "real")
    for mutant in corpus.mutants():
        if corpus.KINDS.get(mutant.kind) in KINDS:
            yield File(corpus.KINDS[mutant.kind], corpus.in_place(mutant, folder), "mutant")


def _complete(file: File) -> None:
    """Give a file what the command line gives it (names), and what the corpus lacks: contents of its siblings."""
    text = file.path.read_text(encoding="utf-8")
    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError:
        return
    if not isinstance(tree, dict):
        return
    wanted = {"deployment": ("name", "endpoint_name"), "endpoint": ("name",)}.get(file.kind, ())
    lines = [f"{key}: given" for key in wanted if key not in tree]
    if lines:
        head, mark, rest = text.partition("---\n") if text.startswith("---") else ("", "", text)
        file.path.write_text(head + mark + "\n".join(lines) + "\n" + rest, encoding="utf-8")
    for part in (tree, tree.get("environment")):
        _siblings(part, file.path.parent)


def _siblings(tree: Any, folder: Path) -> None:
    conda = tree.get("conda_file") if isinstance(tree, dict) else None
    if isinstance(conda, str) and "://" not in conda and not (folder / conda).is_dir():
        (folder / conda).parent.mkdir(parents=True, exist_ok=True)
        (folder / conda).write_text("dependencies: [python=3.11]\n")
    build = tree.get("build") if isinstance(tree, dict) else None
    path = build.get("path") if isinstance(build, dict) else None
    if isinstance(path, str) and not re.search(r"://|\{\{", path) and not (folder / path).exists():
        (folder / path).mkdir(parents=True)


@pytest.fixture(scope="module")
def theirs(files: list[File]) -> dict[str, dict[str, Any]]:
    assert PYTHON
    asked = json.dumps([{"kind": one.kind, "path": str(one.path)} for one in files])
    run = subprocess.run([PYTHON, ORACLE / "incumbent.py"], input=asked, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    answers: dict[str, dict[str, Any]] = json.loads(run.stdout)
    return answers


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_yaml_becomes_the_same_body(
    kind: str, files: list[File], theirs: dict[str, dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.azure.oracle.comparison import differences
    from tests.azure.oracle.ours import converted

    counts: Counter[str] = Counter()
    wrong: list[str] = []
    for file in (one for one in files if one.kind == kind):
        answer = theirs[str(file.path)]
        mine = None if "error" in answer else converted(kind, file.path)
        told = "refused there" if "error" in answer else "refused here" if mine is None else "both"
        counts[f"{file.source}: {told}"] += 1
        if mine is None:
            continue
        for part in ("body", "model", "environment"):
            found = differences(mine.get(part), answer.get(part))
            wrong += [f"{file.path.name} {part} {one}" for one in found if not _right(kind, part, one, counts)]
    with capsys.disabled():
        sys.stdout.write(f"\n{kind}: {dict(counts)}\n")
    assert not wrong, "\n".join(wrong)
    assert counts["case: both"] == sum(one.kind == kind and one.source == "case" for one in files)


def _right(kind: str, part: str, found: Any, counts: Counter[str]) -> bool:
    """Tell whether a difference is one of those that are meant; each has its reason in differences.json."""
    for one in RIGHT:
        same = (one["kind"], one["part"], one["at"]) == (kind, part, found.at)
        if same and all(one[side] in ("*", getattr(found, side)) for side in ("ours", "theirs")):
            counts[f"difference {one['at']}"] += 1
            return True
    return False
