"""`sluice keys show|regenerate`: what opens an endpoint with auth_mode key."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from sluice.cli.common import DEFAULT_STACK, EndpointName, Json, Stack, Yes, chosen_endpoint, confirm, local_target
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
    from sluice.targets.local.endpoints import refuse_keyless

    state = chosen_endpoint(local_target(stack), endpoint)
    refuse_keyless(state)
    if as_json:
        say_json({"primaryKey": state.primary, "secondaryKey": state.secondary})
    else:
        say(f"primary    {state.primary}\nsecondary  {state.secondary}")
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
    from sluice.targets.local.endpoints import refuse_keyless, regenerate_key

    target = local_target(stack)
    state = chosen_endpoint(target, endpoint)
    refuse_keyless(state)
    if not confirm(f"Whoever uses the {key} key of {state.name} is shut out. Go on?", yes=yes):
        return 1
    regenerate_key(target, state.name, key)
    say(f"the {key} key of {state.name} is new; see it: sluice keys show --endpoint {state.name}")
    return 0
