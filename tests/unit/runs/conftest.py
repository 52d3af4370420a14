"""Runs in a folder of the test's own, without a flow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from sluice.runs.journal import Writer
from sluice.runs.store import RunFolder, RunStore

MakeRun = Callable[..., RunFolder]


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path)


@pytest.fixture
def make_run(store: RunStore) -> MakeRun:
    """Make a completed run of some outputs; an output that is text is the line's error."""

    def make(
        name: str, outputs: Sequence[Mapping[str, Any] | str], *, metrics: Mapping[str, Any] | None = None, **more: Any
    ) -> RunFolder:
        folder = store.make(name)
        with Writer(folder.journal) as journal:
            for line, output in enumerate(outputs):
                ended = {"error": output} if isinstance(output, str) else {"output": dict(output)}
                journal.append({"line": line, "inputs": {"q": f"q{line}"}, **ended, "seconds": 0.1, "tokens": 0})
        failed = sum(isinstance(output, str) for output in outputs)
        lines = {"total": len(outputs), "completed": len(outputs) - failed, "failed": failed}
        record = {
            "name": name, "status": "completed", "created": "2026-01-01T00:00:00.000+00:00", "archived": False,
            "lines": lines, "data": {"path": "d.jsonl", "sha256": "0" * 64, "lines": len(outputs)}, "base": None,
            "endpoint": None, "flow": None, "tokens": 0, "seconds": 1.0, "error": "",
        }  # fmt: skip
        folder.save({**record, **more})
        folder.finish(dict(metrics or {}))
        return folder

    return make
