"""The short form of tests/fuzz/soak.py: the same inputs in every run, and those that broke something once."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from fuzzing import changed, check, seeds

BROKE_ONCE = sorted((Path(__file__).parents[2] / "cases" / "fuzzed").glob("*"))


@pytest.mark.parametrize("seed", range(4))
def test_changed_files_are_validated(seed: int, tmp_path: Path) -> None:
    random, begin = Random(seed), seeds()

    for _ in range(120):
        check(changed(random.choice(begin), begin, random), tmp_path)


def test_the_files_themselves_are_validated(tmp_path: Path) -> None:
    for data in seeds():
        check(data, tmp_path)


@pytest.mark.parametrize("path", BROKE_ONCE, ids=lambda path: path.name)
def test_what_broke_once_is_validated(path: Path, tmp_path: Path) -> None:
    check(path.read_bytes(), tmp_path)
