"""`sluice keys show|regenerate`: what opens an endpoint with auth_mode key."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from sluice.cli.common import DEFAULT_STACK, EndpointName, Json, Stack, Yes, confirm, service_of
from sluice.report import say, say_json


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    group = typer.Typer(help="Show or regenerate the keys of an endpoint.", no_args_is_help=True)
    group.command("show")(show)
    group.command("regenerate")(regenerate)
    app.add_typer(group, name="keys")


def show(stack: Stack = DEFAULT_STACK, endpoint: EndpointName = None, as_json: Json = False) -> int:
    """Show both keys of an endpoint.

    Example: curl -H "Authorization: Bearer $(sluice keys show --json | jq -r .primaryKey)" ...
    """
    service = service_of(stack)
    primary, secondary = service.keys(service.chosen(endpoint))
    if as_json:
        say_json({"primaryKey": primary, "secondaryKey": secondary})
    else:
        say(f"primary    {primary}\nsecondary  {secondary}")
    return 0


def regenerate(
    key: Annotated[Literal["primary", "secondary"], typer.Argument(help="Which key.")],
    stack: Stack = DEFAULT_STACK,
    endpoint: EndpointName = None,
    yes: Yes = False,
) -> int:
    """Replace one key at once; the other goes on opening the door.

    Example: sluice keys regenerate secondary --stack dev --yes
    """
    service = service_of(stack)
    name = service.chosen(endpoint)
    service.keys(name)  # one without keys is refused before anybody is asked
    if not confirm(f"Whoever uses the {key} key of {name} is shut out. Go on?", yes=yes):
        return 1
    service.regenerate(name, key)
    say(f"the {key} key of {name} is new; see it: sluice keys show --endpoint {name}")
    return 0
