"""Which files of a model's folder are the model: ignore files count, locks do not belong to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sluice.errors import SpecError
from sluice.spec.content import model_content

Tree = Callable[..., Path]


def names(folder: Path) -> set[str]:
    return set(model_content(folder).files)


def test_a_lock_changes_no_model(tree: Tree) -> None:
    folder = tree({"requirements.txt": "a", "model.pkl": ""})
    before = model_content(folder).sha256
    (folder / "requirements.lock.txt").write_text("a==1")
    assert model_content(folder).sha256 == before


def test_an_amlignore_counts_before_a_gitignore(tree: Tree) -> None:
    folder = tree({".gitignore": "*.csv", "a.csv": "", "b.log": "", "c": ""})
    assert names(folder) == {".gitignore", "b.log", "c"}
    (folder / ".amlignore").write_text("*.log\n")
    assert names(folder) == {".amlignore", ".gitignore", "a.csv", "c"}


def test_what_is_ignored_can_be_brought_back(tree: Tree) -> None:
    assert names(tree({".amlignore": "*.csv\n!keep.csv", "a.csv": "", "keep.csv": ""})) == {".amlignore", "keep.csv"}


def test_caches_are_no_content(tree: Tree) -> None:
    assert names(tree({"__pycache__/a.pyc": "", ".runs/b": "", "x/.git/c": "", "d.pyc": ""})) == {"d.pyc"}


def test_an_ignore_file_that_can_not_be_read(tree: Tree) -> None:
    folder = tree({"a": ""})
    (folder / ".amlignore").write_bytes(b"\xff\xfe")
    with pytest.raises(SpecError, match=r"\.amlignore of the model's folder can't be read"):
        model_content(folder)
