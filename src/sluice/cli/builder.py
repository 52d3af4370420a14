"""`sluice environment builder`: the machine's BuildKit and registry."""

from __future__ import annotations

import typer

from sluice.cli.common import Json, Yes, confirm
from sluice.report import say, say_json, table


def register(environment: typer.Typer) -> None:
    """Add the verbs to `sluice environment`."""
    group = typer.Typer(help="What builds images on this machine: BuildKit, and the registry on loopback.")
    group.command("status")(status)
    group.command("stop")(stop)
    group.command("prune")(prune)
    environment.add_typer(group, name="builder")


def status(as_json: Json = False) -> int:
    """Show what runs.

    Example: sluice environment builder status
    """
    from sluice.engine.images import machine_services

    running = dict(machine_services().running())
    if as_json:
        say_json(running)
    else:
        say(table(("what", "pid"), running.items()) if running else "nothing runs")
    return 0


def stop() -> int:
    """Stop BuildKit and the registry; what they built and stored stays. The next `sluice up` starts them.

    Example: sluice environment builder stop
    """
    from sluice.engine.images import machine_services

    machine_services().stop()
    say("stopped")
    return 0


def prune(yes: Yes = False) -> int:
    """Stop both and remove all they have built and stored; the next `sluice up` builds and pushes it again.

    Example: sluice environment builder prune --yes
    """
    from sluice.engine.images import machine_services

    if not confirm("Remove all images and caches of this machine's builder?", yes=yes):
        return 1
    machine_services().prune()
    say("removed")
    return 0
