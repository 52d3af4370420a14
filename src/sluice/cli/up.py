"""`sluice up`: make the stack what its specifications say."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

from sluice.cli.common import DEFAULT_STACK, Stack, Yes, confirm, local_target
from sluice.cli.engine_run import run
from sluice.cli.waiting import status_of_rollouts
from sluice.report import note, say

if TYPE_CHECKING:
    from sluice.engine.outcome import Outcome


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("up")(up)


def up(
    stack: Stack = DEFAULT_STACK,
    yes: Yes = False,
    all_traffic: Annotated[
        str | None,
        typer.Option("--all-traffic", metavar="DEPLOYMENT", help="Give 100 % to this deployment of the stack."),
    ] = None,
    endpoint: Annotated[str | None, typer.Option("--endpoint", "-e", help="The endpoint for --all-traffic.")] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Start rollouts and don't follow them.")] = False,
) -> int:
    """Make the stack what its specifications say. An endpoint with a rollout.yaml is walked to its weights.

    Ends with status 3 where a rollout waits: paused, baking, detached, or given up before and left alone.

    Examples: sluice up --stack dev --yes | sluice up -s dev -y --all-traffic blue | sluice up -y --detach
    """
    began = time.time()
    if detach:
        os.environ["SLUICE_ROLLOUT_DETACH"] = "1"  # for the provider, a grandchild of this process
    with _weights(stack, endpoint, all_traffic):
        if not yes:
            if not run(stack, "preview").changed:
                note("nothing to change")
                return 0
            if not confirm("Do it?", yes=False):
                note("nothing was changed")
                return 1
        _tell(stack, run(stack, "up"))
    return status_of_rollouts(local_target(stack), began)


def _weights(stack: str, endpoint: str | None, deployment: str | None) -> AbstractContextManager[None]:
    from sluice.cli import traffic

    return traffic.all_traffic(stack, endpoint, deployment) if deployment else nullcontext()


def _tell(stack: str, outcome: Outcome) -> None:
    from sluice.targets.local.state import endpoints_of

    say(f"{outcome.changed} changed" if outcome.changed else "nothing to change")
    for name, told in (outcome.outputs.get("endpoints") or {}).items():
        if "weights" in told:  # on Azure; what runs here says more itself
            say(f"{name}  {told.get('url')}  {_words(told['weights'])}")
    for state in endpoints_of(local_target(stack).paths):
        say(f"{state.name}  http://127.0.0.1:{state.port}/score  {_words(state.routing.weights)}")
        if state.deployments and not any(state.routing.weights.values()):
            first = next(iter(state.deployments))
            say(f"  no deployment has traffic; open it: sluice traffic set {first}=100 --endpoint {state.name}")


def _words(weights: Mapping[str, float]) -> str:
    return " ".join(f"{name}={int(weight)}" for name, weight in sorted(weights.items()))
