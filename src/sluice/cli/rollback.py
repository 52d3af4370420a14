"""`sluice rollback`: the last good weights, now."""

from __future__ import annotations

import os
from collections.abc import Mapping

import typer

from sluice.cli.common import DEFAULT_STACK, EndpointName, Stack, Yes, chosen_endpoint, confirm, local_target
from sluice.report import say


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("rollback")(rollback)


def rollback(stack: Stack = DEFAULT_STACK, endpoint: EndpointName = None, yes: Yes = False) -> int:
    """Send an endpoint's traffic back to its last good weights, now.

    An open rollout is aborted; after one that has ended, the weights it came from are set again. It needs neither
    the engine nor a gatekeeper. What was released then is left alone by `sluice up` until its specification changes.

    Ends with status 0 when the weights are live, 1 when there is nothing to go back to.

    Examples: sluice rollback | sluice rollback -s prod -e chat --yes
    """
    from sluice.rollout import control
    from sluice.rollout.who import who

    target = local_target(stack)
    state = chosen_endpoint(target, endpoint)
    question = f"{state.name} has {_shown(state.routing.weights)}. Send its traffic back to its last good weights?"
    if not confirm(question, yes=yes):
        return 1
    control.rollback(target, state.name, who(os.environ))
    live = chosen_endpoint(target, state.name).routing.weights
    say(f"{state.name}  {_shown(live)} is live")
    say("  The next `sluice up` leaves these weights alone until the specification changes.")
    say(f"  To try the same again: sluice rollout retry --stack {stack} --endpoint {state.name}")
    return 0


def _shown(weights: Mapping[str, int]) -> str:
    from sluice.rollout.show_words import weights_of

    return weights_of(dict(sorted(weights.items())))
