"""What was recorded of an endpoint: a folder of its owner's only, one file a request, the oldest removed first."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sluice.errors import StorageFailed
from sluice.spec.rollout import Record
from sluice.targets.local.envoy.tap import Exchange
from sluice.targets.local.files import read_json, write_json
from sluice.targets.local.redaction import redacted


@dataclass(frozen=True)
class Recorded:
    """A request that was recorded, and how it was answered.

    `number` counts up; `time` is seconds since 1970. `answer` is None where it was not kept: too long, or not to be
    redacted. `deployment` is the one that answered, empty where the gateway did.
    """

    number: int
    time: float
    body: bytes = field(repr=False)
    content_type: str
    answer: bytes | None = field(repr=False)
    status: int
    deployment: str


def kept_of(exchange: Exchange, record: Record, number: int, time: float) -> Recorded | None:
    """Return what is kept of a request: nothing where its body is too long, encoded, or can't be redacted. Pure."""
    if exchange.body is None or exchange.encoded:
        return None
    body = redacted(exchange.body, record.redact)
    if body is None:
        return None
    answer = None if exchange.answer is None else redacted(exchange.answer, record.redact)
    content_type = exchange.content_type or "application/json"
    return Recorded(number, time, body, content_type, answer, exchange.status, exchange.deployment)


@dataclass(frozen=True)
class Recordings:
    """The folder of one endpoint's recordings."""

    folder: Path

    def put(self, one: Recorded, most: int) -> None:
        """Keep a request, and no more than `most` with it. Raises StorageFailed."""
        self.trim(most - 1)
        write_json(self._file(one.number), _plain(one))

    def trim(self, most: int) -> None:
        """Remove the oldest beyond `most`."""
        files = self._files()
        for file in files[: max(0, len(files) - most)]:
            file.unlink(missing_ok=True)

    def next_number(self) -> int:
        """Return the number after the last."""
        files = self._files()
        return int(files[-1].stem) + 1 if files else 1

    def newest(self, most: int) -> Iterator[Recorded]:
        """Yield at most `most`, newest first; one that is removed or damaged this very moment is left out."""
        for file in reversed(self._files()[-most:] if most > 0 else []):
            try:
                record = read_json(file)
            except StorageFailed:
                continue
            if record is not None:
                yield _recorded(record)

    def _file(self, number: int) -> Path:
        return self.folder / f"{number:012d}.json"

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("[0-9]*.json")) if self.folder.is_dir() else []


def _plain(one: Recorded) -> dict[str, Any]:
    answer = None if one.answer is None else base64.b64encode(one.answer).decode()
    return {**vars(one), "body": base64.b64encode(one.body).decode(), "answer": answer}


def _recorded(record: dict[str, Any]) -> Recorded:
    answer = record["answer"]
    bodies = {
        "body": base64.b64decode(record["body"]),
        "answer": None if answer is None else base64.b64decode(answer),
    }
    return Recorded(**{**record, **bodies})
