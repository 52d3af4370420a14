"""What is wrong, where, and what to do about it: apart from the models, which a file by itself does not need."""

from __future__ import annotations

from typing import Literal, NamedTuple

from sluice.errors import Mark

Severity = Literal["error", "warning", "note"]


class Diagnostic(NamedTuple):
    """An error, which stops the work; a warning, which does not; a note, which asks for nothing.

    `code` is stable: `sluice explain CODE` says more.
    """

    severity: Severity
    at: Mark
    message: str
    remedy: str = ""
    code: str = "spec"
