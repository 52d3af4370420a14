"""Records of one kind, one JSON file each: identities, role assignments, connections, models."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from sluice.targets.local.files import read_json, write_json

Record = dict[str, Any]


@dataclass(frozen=True)
class Registry:
    """A folder of records; a record is named by its key, whatever characters are in it."""

    folder: Path

    def get(self, key: str) -> Record | None:
        """Return a record, or None."""
        record: Record | None = read_json(self._file(key))
        return record

    def put(self, key: str, record: Record) -> None:
        """Write a record, whole or not at all, readable by the owner only."""
        write_json(self._file(key), record)

    def delete(self, key: str) -> None:
        """Remove a record; one that is gone is no error."""
        self._file(key).unlink(missing_ok=True)

    def items(self) -> dict[str, Record]:
        """Return every record by key, sorted."""
        files = sorted(self.folder.glob("*.json")) if self.folder.is_dir() else []
        return {unquote(file.stem): read_json(file) or {} for file in files}

    def _file(self, key: str) -> Path:
        return self.folder / f"{quote(key, safe='')}.json"
