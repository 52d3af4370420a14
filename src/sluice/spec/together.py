"""Very many files validated by several processes at once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from sluice.spec.files import Reading, Source, validated
from sluice.spec.results import FileResult

WORTH_IT = 200
"""Fewer files take less time than starting processes."""
_PART = 25


def validated_together(root: Path, sources: Sequence[Source], reading: Reading) -> Iterator[FileResult]:
    """Yield what `validated` does, in the same order; many files are shared among the processors of this machine.

    Raises: UsageError, as `validated`.
    """
    workers = _workers(len(sources))
    if workers < 2:
        yield from validated(root, sources, reading)
        return
    from concurrent.futures import ProcessPoolExecutor
    from functools import partial
    from multiprocessing import get_context

    # What the first file needs (modules, schemas) is there once, before the processes part.
    yield from validated(root, sources[:1], reading)
    parts = [sources[start : start + _PART] for start in range(1, len(sources), _PART)]
    with ProcessPoolExecutor(workers, get_context("fork"), _leave_interrupts) as pool:
        for results in pool.map(partial(_part, root, reading), parts):
            yield from results


def _workers(files: int) -> int:
    if files < WORTH_IT or not hasattr(os, "fork"):
        return 1
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _part(root: Path, reading: Reading, sources: Sequence[Source]) -> tuple[FileResult, ...]:
    return tuple(validated(root, sources, reading))


def _leave_interrupts() -> None:
    """Leave Ctrl-C to the process that was called: it ends the others."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
