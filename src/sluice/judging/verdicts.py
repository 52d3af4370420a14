"""What a judgement says."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum


class Verdict(StrEnum):
    """What a gate says. No data is never a pass."""

    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


def worst_of(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the verdict on all: one that fails fails them, one without data (or none at all) keeps them open."""
    if Verdict.FAIL in verdicts:
        return Verdict.FAIL
    return Verdict.PASS if verdicts and set(verdicts) == {Verdict.PASS} else Verdict.INCONCLUSIVE
