"""Records of one kind, one JSON file each: identities, role assignments, connections, models."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sluice.targets.local.files import read_json, write_json

Record = dict[str, Any]
# File systems take names of 255 bytes, and a file is written beside its name with some more; ARM ids are longer.
LONGEST: Final = 180


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

    def values(self) -> list[Record]:
        """Return every record, sorted by the names of their files."""
        files = sorted(self.folder.glob("*.json")) if self.folder.is_dir() else []
        return [record for file in files if (record := read_json(file)) is not None]

    def _file(self, key: str) -> Path:
        return self.folder / f"{file_name(key)}.json"


def file_name(key: str) -> str:
    """Return a name for a file that no other key has: the key itself, quoted; a long one ends in its hash."""
    quoted = quote(key, safe="")
    if len(quoted) <= LONGEST:
        return quoted
    return f"{quoted[: LONGEST - 65]}~{hashlib.sha256(key.encode()).hexdigest()}"
