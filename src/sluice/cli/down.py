"""`sluice down`: take the stack down, in the order that loses nothing."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

import typer

from sluice.cli.common import DEFAULT_STACK, Stack, Yes, confirm, local_target, project
from sluice.cli.engine_run import run, runner
from sluice.report import note, say


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("down")(down)


def down(
    stack: Stack = DEFAULT_STACK,
    yes: Yes = False,
    force: Annotated[
        bool, typer.Option("--force", help="End everything at once, whatever its state; for when nothing else helps.")
    ] = False,
) -> int:
    """Take the stack down: traffic first, then deployments, then endpoints; no process stays.

    Examples: sluice down --stack dev --yes | sluice down --stack dev --yes --force
    """
    if not confirm(f"Take stack {stack} down?", yes=yes):
        return 1
    if force:
        _end_all(stack)
        say(f"all of stack {stack} on this machine is gone")
        return 0
    outcome = run(stack, "destroy")
    _tidy(stack)
    say(f"{outcome.changed} deleted" if outcome.changed else "nothing was there")
    return 0


def _tidy(stack: str) -> None:
    """Take away what a killed first update left outside of Pulumi's state, then what was set by hand."""
    from sluice.rollout.local import dismiss
    from sluice.targets.local import deployments, endpoints, traffic
    from sluice.targets.local.state import endpoints_of

    target = local_target(stack)
    for state in endpoints_of(target.paths):
        dismiss(target, state.name)
        traffic.close(target, state.name)
        for name in state.deployments:
            deployments.remove(target, state.name, name)
        endpoints.remove(target, state.name)
    _forget(stack)


def _end_all(stack: str) -> None:
    """Stop every process of the stack and remove all that is known of it, without reading any of it."""
    from sluice.targets.local.docker.replicas import remove_all_left
    from sluice.targets.local.files import remove_tree

    target = local_target(stack)
    target.supervisor.shutdown()
    remove_all_left(target)
    remove_tree(target.paths.root)
    runner(stack).remove_state()
    _forget(stack)


def _forget(stack: str) -> None:
    """Remove the stack's folder and forget weights that were set by hand.

    A stack without any configuration of the user's is removed from the default backend as a whole.
    """
    from sluice.engine.images import release_stack
    from sluice.targets.local.files import remove_tree

    target = local_target(stack)
    target.supervisor.stop_if_idle()
    remove_tree(target.paths.root)
    with suppress(OSError):  # another stack is in it
        target.paths.root.parent.rmdir()
    if release_stack(project(), stack):
        note("BuildKit and the registry are stopped: no stack has images any more; what they built is kept")
    kept = runner(stack).forget(("sluice:traffic", "sluice:mirrorTraffic"))
    if kept:
        note(f"kept the stack's configuration: {', '.join(kept)}")
