"""`sluice shell-env`: what makes plain `pulumi` work in this shell."""

from __future__ import annotations

import os
import shlex

import typer

from sluice.cli.common import project
from sluice.report import note, say


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("shell-env")(shell_env)


def shell_env() -> int:
    """Print shell exports that make plain `pulumi up` work here.

    Example: eval "$(sluice shell-env)"; pulumi up --stack dev
    """
    from sluice.engine.home import ProjectHome
    from sluice.engine.install import ensure_engine

    home = ProjectHome(project())
    home.prepare()
    for name, value in sorted(home.variables(ensure_engine(note), os.environ).items()):
        say(f"export {name}={shlex.quote(value)}")
    return 0
