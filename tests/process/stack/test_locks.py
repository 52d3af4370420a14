"""Processes run what a committed lock says, and nothing is deployed while it has drifted."""

from __future__ import annotations

from pathlib import Path

import pytest
from projects import lent

pytestmark = [pytest.mark.process, pytest.mark.engine]
LOCK = "flows/qa-green/requirements.lock.txt"


def test_a_process_has_the_locked_packages(tmp_path: Path) -> None:
    with lent(tmp_path / "p") as project:
        project.must("environment", "lock")
        lock = (project.root / LOCK).read_text()
        project.must("up", "--yes")
        assert project.score('{"question": "When is the story hour?"}').json()["answer"]
        assert project.call("preview", "--expect-no-changes").returncode == 0

        project.write(LOCK, lock + "# a comment\n")
        changed = project.call("preview")
        assert "Environment question-answering/green" in changed.stdout + changed.stderr

        project.write("flows/qa-green/requirements.txt", "rank-bm25==0.2.2\nsnowballstemmer\n")
        for verb in (("validate",), ("up", "--yes")):
            refused = project.call(*verb)
            assert refused.returncode == 1
            assert "sluice environment lock" in refused.stdout + refused.stderr
