"""`sluice preview`: say what `up` would do."""

from __future__ import annotations

from typing import Annotated

import typer

from sluice.cli.common import DEFAULT_STACK, Stack
from sluice.cli.engine_run import run
from sluice.report import say


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("preview")(preview)


def preview(
    stack: Stack = DEFAULT_STACK,
    expect_no_changes: Annotated[
        bool, typer.Option("--expect-no-changes", help="Fail (exit 1) when anything would change.")
    ] = False,
) -> int:
    """Say what `up` would do; nothing is changed.

    Examples: sluice preview -s prod | sluice preview -s prod --expect-no-changes
    """
    outcome = run(stack, "preview", expect_no_changes=expect_no_changes)
    counts = ", ".join(f"{n} to {op}" for op, n in outcome.operations.items() if op not in ("same", "read"))
    say(counts or "no changes")
    return 0
