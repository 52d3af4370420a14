"""`sluice logs`: what deployments write."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from sluice.cli.common import DEFAULT_STACK, EndpointName, LogsAsked, Stack, service_of
from sluice.report import say


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("logs")(logs)


def logs(
    stack: Stack = DEFAULT_STACK,
    endpoint: EndpointName = None,
    deployment: Annotated[str | None, typer.Option("--deployment", "-d", help="Only this deployment.")] = None,
    replica: Annotated[str | None, typer.Option("--replica", help="Only this replica (its id in `status`).")] = None,
    container: Annotated[
        str | None, typer.Option("--container", help="On Azure: only storage-initializer or inference-server.")
    ] = None,
    tail: Annotated[int, typer.Option("--tail", "-n", min=0, help="How many lines of each.")] = 50,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines are written; Ctrl-C ends it.")] = False,
) -> int:
    """Show the logs of deployments: per replica on this machine, per container on Azure.

    Examples: sluice logs -d blue | sluice logs --replica qa.blue.0 -n 200 -f | sluice logs -s prod -d green -f
    """
    service = service_of(stack)
    asked = LogsAsked(deployment, replica, container, tail, follow)
    for line in service.logs(service.chosen(endpoint), asked):
        say(line)
        sys.stdout.flush()
    return 0
