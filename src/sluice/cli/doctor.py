"""`sluice doctor`: every part Sluice works with, and what to do about one that is missing."""

from __future__ import annotations

import typer

from sluice.cli.common import Json
from sluice.report import say


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("doctor")(doctor)


def doctor(as_json: Json = False) -> int:
    """Show every part with version, where it came from, and the remedy for what is missing.

    Example: sluice doctor
    """
    from sluice.engine.doctor import inspect
    from sluice.engine.doctor_report import doctor_json, doctor_text

    parts = inspect()
    say(doctor_json(parts) if as_json else doctor_text(parts))
    return 1 if any(part.state in ("missing", "broken") for part in parts) else 0
