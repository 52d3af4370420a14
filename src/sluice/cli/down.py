"""`sluice down`: take the stack down, in the order that loses nothing."""

from __future__ import annotations

from contextlib import suppress

import typer

from sluice.cli.common import DEFAULT_STACK, Stack, Yes, confirm, local_target
from sluice.cli.engine_run import run, runner
from sluice.report import note, say


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("down")(down)


def down(stack: Stack = DEFAULT_STACK, yes: Yes = False) -> int:
    """Take the stack down: traffic first, then deployments, then endpoints; no process stays.

    Example: sluice down --stack dev --yes
    """
    if not confirm(f"Take stack {stack} down?", yes=yes):
        return 1
    outcome = run(stack, "destroy")
    _tidy(stack)
    say(f"{outcome.changed} deleted" if outcome.changed else "nothing was there")
    return 0


def _tidy(stack: str) -> None:
    """Stop the supervisor, remove the stack's folder, and forget weights that were set by hand.

    A stack without any configuration of the user's is removed from the default backend as a whole.
    """
    from sluice.targets.local.files import remove_tree
    from sluice.targets.local.state import endpoints_of

    target = local_target(stack)
    if endpoints_of(target.paths):
        return
    target.supervisor.stop_if_idle()
    remove_tree(target.paths.root)
    with suppress(OSError):  # another stack is in it
        target.paths.root.parent.rmdir()
    kept = runner(stack).forget(("sluice:traffic", "sluice:mirrorTraffic"))
    if kept:
        note(f"kept the stack's configuration: {', '.join(kept)}")
