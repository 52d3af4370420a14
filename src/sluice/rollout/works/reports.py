"""What is left of a step's work: a verdict, a report, and a line for each case."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sluice.errors import StorageFailed
from sluice.judging.verdicts import Verdict
from sluice.rollout.show_words import cleaned
from sluice.rollout.works.secrets import hidden
from sluice.rollout.world import Json, Result
from sluice.targets.local.files import write_private

LONGEST_TEXT = 4000
"""Of a request or an answer in a report, in characters."""

MOST_CASES = 10_000
"""Lines in a report; the worst come first."""


@dataclass(frozen=True)
class Done:
    """How work ended: the verdict, a line for people, a report, and its cases, the worst first; all without secrets."""

    verdict: Verdict
    says: str
    report: Json = field(default_factory=dict)
    cases: Sequence[Json] = ()


def shortened(text: str, longest: int = LONGEST_TEXT) -> str:
    """Return the beginning of a text, and how much is left out."""
    return text if len(text) <= longest else f"{text[:longest]}... ({len(text) - longest} more)"


def written(done: Done, folder: Path, name: str, secrets: Sequence[str] = ()) -> Result:
    """Write `NAME.json` and, where there are cases, `NAME-cases.jsonl`, for the owner's eyes only; return the result.

    The secrets are taken out of all of it, for an answer may quote what it was asked with; and control characters out
    of the line for people, which a terminal would obey. A report that can't be
    written changes no verdict: the line for people says so.
    """
    says = cleaned(hidden(done.says, secrets))
    report: Json = {"verdict": done.verdict.value, "says": says, **json.loads(hidden(json.dumps(done.report), secrets))}
    if done.cases:
        report |= {"cases": len(done.cases), "cases_file": f"{name}-cases.jsonl"}
    try:
        if done.cases:
            lines = [hidden(json.dumps(case), secrets) for case in done.cases[:MOST_CASES]]
            write_private(folder / f"{name}-cases.jsonl", "\n".join([*lines, ""]))
        write_private(folder / f"{name}.json", json.dumps(report, indent=1))
    except (StorageFailed, OSError) as error:
        return Result(done.verdict, f"{says}; no report was written ({error})", report)
    return Result(done.verdict, says, report)
