"""`sluice list`: the endpoints that are there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer

from sluice.cli.common import DEFAULT_STACK, Json, Stack, service_of
from sluice.report import say, say_json, table


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("list")(list_endpoints)


def list_endpoints(stack: Stack = DEFAULT_STACK, as_json: Json = False) -> int:
    """List the endpoints that are there: of the stack on this machine, of the whole workspace on Azure.

    Examples: sluice list | sluice list -s prod --json
    """
    found = service_of(stack).listed()
    if as_json:
        say_json({"endpoints": found})
    else:
        rows = [(one["name"], one["auth_mode"], one["state"], _weights(one["traffic"]), one["url"]) for one in found]
        say(table(("name", "auth", "state", "traffic", "url"), rows) if rows else "no endpoint is there")
    return 0


def _weights(traffic: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={weight}" for name, weight in sorted(traffic.items())) or "-"
