"""Registered models: named versions whose content never changes, kept by content hash.

A content stays as long as a version or a running deployment names it; the version's record may go first.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sluice.errors import ImmutableModel
from sluice.targets.local.files import locked, remove_tree, storage_errors
from sluice.targets.local.paths import StackPaths
from sluice.targets.local.registry import Record, Registry


@dataclass(frozen=True)
class ModelStore:
    """The models of one stack."""

    paths: StackPaths

    @property
    def versions(self) -> Registry:
        """The records, keyed `name@version`."""
        return Registry(self.paths.registry("models"))

    def register(self, record: Record, files: Mapping[str, Path]) -> None:
        """Keep `files` as version `record[version]` of `record[name]`; repeating it changes nothing.

        Raises ImmutableModel when the version exists with other content, naming both hashes.
        """
        key = model_key(record)
        with locked(self.paths.root / "models.lock", what=f"model {key}"):
            refuse_other_content(self.versions.get(key), record)
            self.keep(record["contentHash"], files)
            self.versions.put(key, record)

    def content(self, digest: str) -> Path:
        """Return the folder of a content."""
        return self.paths.contents / digest

    def remove(self, key: str) -> None:
        """Remove a version's record; its content stays until `collect`."""
        self.versions.delete(key)

    def collect(self, used: frozenset[str]) -> None:
        """Remove contents that neither a version nor `used` (hashes of running deployments) names."""
        with locked(self.paths.root / "models.lock", what="models"):
            named = {record["contentHash"] for record in self.versions.values()}
            for folder in self.paths.contents.glob("*"):
                if folder.name not in named | used:
                    remove_tree(folder)

    def keep(self, digest: str, files: Mapping[str, Path]) -> None:
        """Copy files to where contents of that hash lie; one that is there is left as it is."""
        folder = self.content(digest)
        if folder.is_dir():
            return
        beside = folder.with_name(f".{digest}.{os.getpid()}")
        remove_tree(beside)
        with storage_errors(beside):
            for name, source in files.items():
                target = beside / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
                # for a container whose image names a user; the folders above let nobody else in
                target.chmod(target.stat().st_mode | 0o444)
            beside.rename(folder)


def model_key(record: Record) -> str:
    """Return the key of a model version."""
    return f"{record['name']}@{record['version']}"


def refuse_other_content(existing: Record | None, wanted: Record) -> None:
    """Raise ImmutableModel when a version is registered with another content hash."""
    if existing is None or existing["contentHash"] == wanted["contentHash"]:
        return
    raise ImmutableModel(
        f"model {wanted['name']} version {wanted['version']} is registered with content"
        f" {existing['contentHash'][:12]}; the files at {wanted['path']} are {wanted['contentHash'][:12]}",
        remedy="A version never changes: give the model a new version, there and where deployments name it.",
    )
