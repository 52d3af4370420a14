"""`sluice token`: a token for an endpoint with auth_mode aml_token."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from sluice.cli.common import DEFAULT_STACK, EndpointName, Json, Stack, service_of
from sluice.report import say, say_json


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("token")(token)


def token(
    stack: Stack = DEFAULT_STACK,
    endpoint: EndpointName = None,
    lifetime: Annotated[
        int | None, typer.Option("--lifetime", min=1, help="Seconds until it ends; on Azure it decides itself.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Print a token that opens an endpoint until it ends (here: 12 hours unless told).

    Example: curl -H "Authorization: Bearer $(sluice token)" ...
    """
    service = service_of(stack)
    text, ends = service.token(service.chosen(endpoint), lifetime)
    if as_json:
        say_json({"accessToken": text, "expiryTimeUtc": datetime.fromtimestamp(ends, UTC).isoformat()})
    else:
        say(text)
    return 0
