"""`sluice status`: what is there, and how it is."""

from __future__ import annotations

from typing import Annotated

import typer

from sluice.cli.common import DEFAULT_STACK, EndpointName, Json, Stack, service_of
from sluice.report import say, say_json

Metrics = Annotated[
    bool, typer.Option("--metrics", help="On Azure: with requests, latency and use of the last half hour.")
]


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("status")(status)


def status(
    stack: Stack = DEFAULT_STACK, endpoint: EndpointName = None, metrics: Metrics = False, as_json: Json = False
) -> int:
    """Show endpoints, weights, deployments and their replicas.

    On Azure also the link to studio, and of a deployment that failed what its containers' logs say.

    Examples: sluice status -s dev | sluice status --json | sluice status -s prod --metrics
    """
    service = service_of(stack)
    described = service.described(endpoint, metrics=metrics)
    if as_json:
        say_json({"endpoints": described})
    elif not described:
        say(service.nothing)
    for one in [] if as_json else described:
        say(service.shown(one))
    return 0
