"""Registered models: versions that never change, contents that stay while something names them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import ImmutableModel, StorageFailed
from sluice.targets.local.models import ModelStore, model_key, refuse_other_content
from sluice.targets.local.paths import StackPaths
from sluice.targets.local.registry import Record


def record(name: str = "iris", version: str = "1", digest: str = "a" * 64) -> Record:
    return {"name": name, "version": version, "contentHash": digest, "path": "models/iris"}


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(StackPaths(tmp_path / "stack"))


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    source = tmp_path / "source"
    source.mkdir()
    (source / "weights").write_bytes(b"12")
    (source / "run.sh").write_text("#!/bin/sh\n")
    (source / "run.sh").chmod(0o755)
    return {"weights": source / "weights", "bin/run.sh": source / "run.sh"}


def test_a_version_is_kept_with_its_files(store: ModelStore, files: dict[str, Path]) -> None:
    store.register(record(), files)
    folder = store.content("a" * 64)
    assert (folder / "weights").read_bytes() == b"12"
    assert (folder / "bin" / "run.sh").stat().st_mode & 0o100
    assert store.versions.get("iris@1") == record()
    store.register(record(), {})  # again, with nothing to copy
    assert (folder / "weights").exists()


def test_other_content_under_a_version_is_refused_with_both_hashes(store: ModelStore, files: dict[str, Path]) -> None:
    store.register(record(), files)
    with pytest.raises(ImmutableModel, match="iris version 1") as caught:
        store.register(record(digest="b" * 64), files)
    assert "a" * 12 in caught.value.message
    assert "b" * 12 in caught.value.message
    assert "new version" in caught.value.remedy
    assert store.versions.get("iris@1") == record()
    assert not store.content("b" * 64).exists()


@given(st.sampled_from("ab"), st.sampled_from("ab"))
def test_a_version_is_refused_when_its_content_differs_and_only_then(old: str, new: str) -> None:
    try:
        refuse_other_content(record(digest=old), record(digest=new))
    except ImmutableModel:
        assert old != new
    else:
        assert old == new
    refuse_other_content(None, record(digest=new))


def test_content_goes_when_neither_a_version_nor_a_deployment_names_it(
    store: ModelStore, files: dict[str, Path]
) -> None:
    store.register(record(), files)
    store.register(record(version="2"), files)
    store.register(record(version="3", digest="b" * 64), files)
    store.register(record(version="4", digest="c" * 64), files)
    for version in ("1", "3", "4"):
        store.remove(f"iris@{version}")
        store.remove(f"iris@{version}")
    store.collect(frozenset({"b" * 64}))
    left = sorted(folder.name[0] for folder in store.paths.contents.iterdir())
    assert left == ["a", "b"]  # by version 2, and by what serves it
    store.collect(frozenset())
    assert [folder.name[0] for folder in store.paths.contents.iterdir()] == ["a"]


def test_a_copy_cut_short_is_no_content_and_is_collected(store: ModelStore, files: dict[str, Path]) -> None:
    with pytest.raises((FileNotFoundError, StorageFailed)):
        store.register(record(), {**files, "missing": files["weights"].with_name("missing")})
    assert not store.content("a" * 64).exists()
    assert store.versions.get("iris@1") is None
    store.collect(frozenset())
    assert list(store.paths.contents.iterdir()) == []
    store.register(record(), files)
    assert (store.content("a" * 64) / "weights").exists()


def test_nothing_to_collect(store: ModelStore) -> None:
    store.collect(frozenset())


def test_a_store_that_can_not_be_written(store: ModelStore, files: dict[str, Path]) -> None:
    store.paths.root.mkdir()
    store.paths.contents.write_text("a file where the folder should be")
    with pytest.raises(StorageFailed, match="can't be written"):
        store.register(record(), files)


def test_a_key_names_a_version() -> None:
    assert model_key(record("my model", "1.0")) == "my model@1.0"
