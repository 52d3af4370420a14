"""`sluice doctor`: every part Sluice works with, and what to do about one that is missing."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sluice.cli.common import Json
from sluice.errors import SluiceError, UsageError
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
    parts = inspect(needed=_needed_here())
    say(doctor_json(parts) if as_json else doctor_text(parts))
    return 1 if any(part.state in ("missing", "broken") for part in parts) else 0


def _needed_here() -> tuple[str, ...]:
    """Return the optional parts that a stack of the project here can't do without."""
    from sluice.engine.doctor import DOCKER
    from sluice.project import find_project, stack_names

    try:
        root = find_project(Path.cwd())
    except UsageError:
        return ()
    return (DOCKER,) if any(_runs_containers(root, stack) for stack in stack_names(root)) else ()


def _runs_containers(root: Path, stack: str) -> bool:
    """Tell whether a deployment of a stack is a container; what can't be read is for `sluice validate` to say."""
    from sluice.plan.runtimes import Runtime, runtime_of
    from sluice.spec.load import load_specs
    from sluice.spec.settings import load_settings

    try:
        settings = load_settings(root, stack)
        deployments = load_specs(root, settings.specs, stack).deployments
        return any(runtime_of(one, Runtime(settings.runtime)) is Runtime.DOCKER for one in deployments)
    except (SluiceError, ValueError):
        return False
