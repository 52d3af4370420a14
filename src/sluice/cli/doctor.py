"""`sluice doctor`: every part Sluice works with, and what to do about one that is missing."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from sluice.cli.common import Json
from sluice.report import note, say


class Installable(StrEnum):
    """What is installed only where it is needed."""

    IMAGES = "images"


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("doctor")(doctor)


def doctor(
    as_json: Json = False,
    install: Annotated[
        Installable | None, typer.Option("--install", help="First install what images are built with.")
    ] = None,
) -> int:
    """Show every part with version, where it came from, and the remedy for what is missing.

    Examples: sluice doctor | sluice doctor --install images
    """
    from sluice.engine.doctor import inspect
    from sluice.engine.doctor_report import doctor_json, doctor_text

    if install is Installable.IMAGES:
        from sluice.engine.images import install_for_images

        install_for_images(note)
    parts = inspect()
    say(doctor_json(parts) if as_json else doctor_text(parts))
    return 1 if any(part.state in ("missing", "broken") for part in parts) else 0
