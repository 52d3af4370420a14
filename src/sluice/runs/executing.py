"""Driving a run that was made: to its end, or to where it is stopped; and on from there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sluice.errors import SluiceError, UsageError
from sluice.runs.creating import run_lines
from sluice.runs.driving import Drive, Outcome, Tally, Watcher
from sluice.runs.lines import Line, without
from sluice.runs.results import Executor
from sluice.runs.store import Record, RunFolder, Status


@dataclass(frozen=True)
class Execution:
    """How a run is driven.

    Attributes:
        project: the project's folder.
        folder: the run.
        executor: who runs its lines, made when the run is held.
        watcher: who is told.
        stop: asked often; a run that is stopped can go on later.
        again: whether lines that failed are run again.
    """

    project: Path
    folder: RunFolder
    executor: Callable[[Record], Executor]
    watcher: Watcher
    stop: Callable[[], bool]
    again: bool = False


def execute(execution: Execution) -> Record:
    """Run the lines that have no result yet, then the aggregation; return the record as it is at the end.

    Raises:
        Busy: another process drives the run.
        UsageError: it is completed, and no failed line is to be run again.
        RunFailed: its lines can't be executed; what was done stays.
        SpecError, NotFound: its data has changed since it was made.
    """
    folder = execution.folder
    with folder.driving():
        record = folder.record()
        todo, tally = _left(execution, record)
        record |= {"status": Status.RUNNING.value, "error": ""}
        folder.save(record)
        started = time.monotonic()
        try:
            outcome = _driven(execution, record, todo, tally)
        except SluiceError as error:
            done = folder.journal.done()
            counts = {"completed": len(done.good), "failed": len(done.bad)}
            folder.save(
                record | {"status": Status.FAILED.value, "error": error.message, "lines": record["lines"] | counts}
            )
            raise
        record |= _ended(record, outcome, time.monotonic() - started)
        if outcome.status is Status.COMPLETED:
            folder.finish(dict(outcome.aggregated.metrics) if outcome.aggregated else {})
        folder.save(record)
    return record


def _left(execution: Execution, record: Record) -> tuple[Iterator[Line], Tally]:
    """Return the lines that are still to be run, and how far the run is."""
    done = execution.folder.journal.done()
    skipped = done.good if execution.again else done.all
    total = record["lines"]["total"]
    if record["status"] == Status.COMPLETED and len(skipped) >= total:
        raise UsageError(
            f"run {execution.folder.name} is completed; there is nothing to go on with",
            remedy="Run it anew, or its failed lines again: --failed" if done.bad else "Run it anew.",
        )
    bad = 0 if execution.again else len(done.bad)
    return without(run_lines(execution.project, record), skipped), Tally(total, len(done.good), bad, record["tokens"])


def _driven(execution: Execution, record: Record, todo: Iterator[Line], tally: Tally) -> Outcome:
    executor = execution.executor(record)

    def stop() -> bool:
        return execution.stop() or execution.folder.cancel_ordered()

    outcome = Drive(execution.folder, executor, execution.watcher, stop).run(todo, tally)
    if outcome.status is Status.CANCELLED and not execution.folder.cancel_ordered():
        return Outcome(Status.INTERRUPTED, outcome.tally, outcome.aggregated)
    return outcome


def _ended(record: Record, outcome: Outcome, seconds: float) -> Record:
    tally, aggregated = outcome.tally, outcome.aggregated
    return {
        "status": outcome.status.value,
        "ended": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "seconds": round(record["seconds"] + seconds, 3),
        "lines": {"total": tally.total, "completed": tally.good, "failed": tally.bad},
        "tokens": tally.tokens,
        "error": f"the aggregation failed: {aggregated.error}" if aggregated and aggregated.error else "",
    }
