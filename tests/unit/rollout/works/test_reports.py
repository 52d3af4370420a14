"""What is left of a step's work."""

from __future__ import annotations

from pathlib import Path

from sluice.judging.verdicts import Verdict
from sluice.rollout.works.reports import Done, written


def test_the_line_for_people_holds_nothing_that_a_terminal_obeys(tmp_path: Path) -> None:
    done = Done(Verdict.FAIL, 'worst case of "\x1b[2J\x07x\r\n" is hidden-key', {"says": "a"})
    result = written(done, tmp_path, "evaluate", ["hidden-key"])
    assert result.says == 'worst case of " x " is ***'
    assert "hidden-key" not in (tmp_path / "evaluate.json").read_text()
