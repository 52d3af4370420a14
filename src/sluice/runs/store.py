"""Runs on disk: `.sluice/runs/<name>/`, one folder a run.

`run.json` is what the run is and how it ended; `results.jsonl` has a line for each line that was run, appended when
it ends, so that a run that was killed goes on; `outputs.jsonl`, `errors.jsonl` and `metrics.json` follow from it at
the end. `run.log` is what the flow printed. All is readable by its owner only: answers may be private.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from sluice.errors import Busy, NotFound, UsageError
from sluice.runs.journal import Journal
from sluice.runs.names import refuse_bad_name
from sluice.spec.findings import nearest
from sluice.targets.local.files import read_json, remove_tree, storage_errors, try_lock, write_json, write_private

Record = dict[str, Any]
RUNS: Final = Path(".sluice", "runs")
_RECORD: Final = "run.json"


class Status(StrEnum):
    """Where a run stands. INTERRUPTED: it is not finished and nothing drives it."""

    PREPARING = "preparing"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


OPEN: Final = frozenset({Status.PREPARING, Status.RUNNING})


@dataclass(frozen=True)
class RunFolder:
    """One run's folder."""

    path: Path

    @property
    def name(self) -> str:
        """The run's name."""
        return self.path.name

    @property
    def journal(self) -> Journal:
        """The results, as they came."""
        return Journal(self.path / "results.jsonl")

    @property
    def outputs(self) -> Path:
        """The outputs of the lines that succeeded, by line."""
        return self.path / "outputs.jsonl"

    @property
    def errors(self) -> Path:
        """The lines that failed, and why."""
        return self.path / "errors.jsonl"

    @property
    def log(self) -> Path:
        """What the flow printed."""
        return self.path / "run.log"

    @property
    def definition(self) -> Path:
        """The flow's definition with variant and connections in it, where the run changes them."""
        return self.path / "flow.dag.yaml"

    @property
    def exists(self) -> bool:
        """Whether the run is there."""
        return (self.path / _RECORD).is_file()

    def record(self) -> Record:
        """Return what is known of the run, with `status` as it truly is. Raises NotFound."""
        record: Record | None = read_json(self.path / _RECORD)
        if record is None:
            raise NotFound(f"run {self.name} does not exist", remedy="See them: sluice run list")
        if record["status"] in OPEN and not self.driven():
            record["status"] = Status.INTERRUPTED.value
        if record["status"] in {*OPEN, Status.INTERRUPTED}:
            done = self.journal.done()
            record["lines"] |= {"completed": len(done.good), "failed": len(done.bad)}
        return record

    def save(self, record: Record) -> None:
        """Write what is known, whole or not at all."""
        write_json(self.path / _RECORD, record)

    def variables(self) -> dict[str, str]:
        """Return the environment variables the run was made with; they may be secret."""
        return read_json(self.path / "variables.json") or {}

    def keep_variables(self, variables: dict[str, str]) -> None:
        """Keep the environment variables, for a run that goes on."""
        if variables:
            write_json(self.path / "variables.json", variables)

    def driven(self) -> bool:
        """Tell whether a process drives the run."""
        if not self.path.is_dir():
            return False
        descriptor = try_lock(self.path / "lock")
        if descriptor is None:
            return True
        os.close(descriptor)
        return False

    @contextmanager
    def driving(self) -> Iterator[None]:
        """Hold the run while it is driven. Raises Busy where another process does."""
        descriptor = try_lock(self.path / "lock")
        if descriptor is None:
            raise Busy(f"run {self.name} is driven by another process", remedy=f"See: sluice run stream {self.name}")
        try:
            (self.path / "cancel").unlink(missing_ok=True)
            yield
        finally:
            os.close(descriptor)

    def order_cancel(self) -> None:
        """Ask whoever drives the run to stop."""
        write_private(self.path / "cancel", "")

    def cancel_ordered(self) -> bool:
        """Tell whether it was asked to stop."""
        return (self.path / "cancel").exists()

    def metrics(self) -> dict[str, Any]:
        """Return the metrics of the aggregation; none where there is none."""
        return read_json(self.path / "metrics.json") or {}

    def rows(self) -> Iterator[Record]:
        """Yield the results of the run by line."""
        return self.journal.in_order()

    def finish(self, metrics: dict[str, Any]) -> None:
        """Write what follows from the results: outputs and errors by line, and the metrics."""
        with storage_errors(self.path), _private(self.outputs) as good, _private(self.errors) as bad:
            for one in self.rows():
                if one.get("error"):
                    bad.write(json.dumps({"line_number": one["line"], "error": one["error"]}) + "\n")
                else:
                    good.write(json.dumps({"line_number": one["line"], **one["output"]}) + "\n")
        write_json(self.path / "metrics.json", metrics)


@contextmanager
def _private(path: Path) -> Iterator[Any]:
    """Open a file for its owner's eyes only; it takes the old one's place when it is whole."""
    beside = path.with_name(f".{path.name}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        yield file
    beside.replace(path)


@dataclass(frozen=True)
class RunStore:
    """The runs of a project."""

    project: Path

    @property
    def folder(self) -> Path:
        """Where they lie."""
        return self.project / RUNS

    def all(self) -> tuple[RunFolder, ...]:
        """Return every run, the newest first."""
        found = [RunFolder(path) for path in self.folder.glob("*") if (path / _RECORD).is_file()]
        return tuple(sorted(found, key=lambda run: str(run.record()["created"]), reverse=True))

    def get(self, name: str) -> RunFolder:
        """Return a run. Raises NotFound, with the nearest name."""
        found = RunFolder(self.folder / name)
        if "/" not in name and found.exists:
            return found
        meant = nearest(name, [path.name for path in self.folder.glob("*")])
        remedy = f"Did you mean {meant}?" if meant else "See them: sluice run list"
        raise NotFound(f"run {name} does not exist", remedy=remedy)

    def make(self, name: str) -> RunFolder:
        """Return the folder of a new run. Raises UsageError where the name is taken, or can't be one."""
        refuse_bad_name(name)
        found = RunFolder(self.folder / name)
        if found.exists:
            raise UsageError(
                f"run {name} exists",
                remedy=f"Name it otherwise: --name NAME; or go on: sluice run create --resume {name}",
            )
        remove_tree(found.path)
        with storage_errors(found.path):
            found.path.mkdir(parents=True, mode=0o700)
        return found
