"""`sluice traffic show|set|reset`: the weights of an endpoint."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Annotated

import typer

from sluice.cli.common import (
    DEFAULT_STACK,
    EndpointName,
    Json,
    Stack,
    Yes,
    confirm,
    local_target,
    one_of,
    service_of,
)
from sluice.cli.engine_run import run, runner
from sluice.cli.waiting import status_of_rollouts
from sluice.errors import NotFound, SluiceError
from sluice.report import say, say_json, table

OVERRIDE = "sluice:traffic"


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    group = typer.Typer(help="Show or set the weights of an endpoint.", no_args_is_help=True)
    group.command("show")(show)
    group.command("set")(set_weights)
    group.command("reset")(reset)
    app.add_typer(group, name="traffic")


def show(stack: Stack = DEFAULT_STACK, endpoint: EndpointName = None, as_json: Json = False) -> int:
    """Show live weights and mirror traffic.

    Example: sluice traffic show --stack dev
    """
    service = service_of(stack)
    routing = service.routing(service.chosen(endpoint))
    if as_json:
        say_json({"traffic": dict(routing.weights), "mirror_traffic": dict(routing.mirror)})
    else:
        rows = [
            (name, f"{weight} %", f"{routing.mirror.get(name, 0)} %")
            for name, weight in sorted(routing.weights.items())
        ]
        say(table(("deployment", "weight", "mirror"), rows))
    return 0


def set_weights(
    weights: Annotated[list[str], typer.Argument(metavar="NAME=PERCENT...", help="What each deployment gets.")],
    stack: Stack = DEFAULT_STACK,
    endpoint: EndpointName = None,
    yes: Yes = False,
) -> int:
    """Set the weights: written into the stack's configuration, then applied by one `up`.

    Deployments that are not named get 0. The sum is 0 or 100. With a rollout.yaml they are walked to; the exit status
    is 3 while that waits.

    Example: sluice traffic set blue=0 green=100 --stack dev --yes
    """
    from sluice.traffic.weights import parse_assignments

    wanted = parse_assignments(weights)
    service = service_of(stack)
    name = service.chosen(endpoint)
    refuse(wanted, service.routing(name).weights, name)
    if not confirm(f"Set {' '.join(weights)} on {name}?", yes=yes):
        return 1
    began = time.time()
    with overridden(stack, name, wanted):
        run(stack, "up")
    return _told(stack, name, began)


def reset(stack: Stack = DEFAULT_STACK, endpoint: EndpointName = None, yes: Yes = False) -> int:
    """Forget weights that were set by hand: back to those of the specifications, by one `up`.

    Example: sluice traffic reset --stack dev --yes
    """
    name = service_of(stack).chosen(endpoint)
    if not confirm(f"Give {name} the weights of its specification?", yes=yes):
        return 1
    if not runner(stack).set_object(OVERRIDE, name, None):
        say(f"{name} has no weights set by hand")
        return 0
    began = time.time()
    run(stack, "up")
    return _told(stack, name, began)


def _told(stack: str, endpoint: str, began: float) -> int:
    live = service_of(stack).routing(endpoint).weights
    say(" ".join(f"{name}={weight}" for name, weight in sorted(live.items())))
    return status_of_rollouts(local_target(stack), began)


def refuse(wanted: Mapping[str, int], existing: Mapping[str, object], endpoint: str) -> None:
    """Raise TrafficRefused for weights that can't be, before anything is written."""
    from sluice.traffic.weights import check_weights

    check_weights(wanted, existing, endpoint)


def _are_live(stack: str, endpoint: str, weights: Mapping[str, int]) -> bool:
    try:
        return _same(service_of(stack).routing(endpoint).weights, weights)
    except NotFound:
        return _same({}, weights)
    except SluiceError:
        return False  # nobody knows; what went wrong before is what is told


def _are_walked_to(stack: str, endpoint: str, weights: Mapping[str, int]) -> bool:
    """Tell whether a rollout to these weights is open: it waits, and goes on after the command that began it."""
    target = local_target(stack)
    if not target.paths.rollout(endpoint).exists():
        return False
    from sluice.rollout.control import is_open
    from sluice.rollout.local import folder_of

    folder = folder_of(target, endpoint)
    state = folder.shown()
    return state is not None and is_open(folder) and _same(state.walk.goal, weights)


def _same(one: Mapping[str, int], other: Mapping[str, int]) -> bool:
    return {k: v for k, v in one.items() if v} == {k: v for k, v in other.items() if v}


@contextmanager
def overridden(stack: str, endpoint: str, weights: Mapping[str, int]) -> Iterator[None]:
    """Write the stack's override of an endpoint's weights; one that could not be applied is taken back.

    One at a time: who comes second waits, so that nobody applies another's weights.
    """
    from sluice.targets.local.files import locked

    lock = local_target(stack).paths.root.parent / f"{stack}.traffic.lock"
    with locked(lock, what=f"the weights of stack {stack}"):
        before = runner(stack).get_object(OVERRIDE).get(endpoint)
        runner(stack).set_object(OVERRIDE, endpoint, dict(weights))
        try:
            yield
        finally:  # refused, interrupted, or answered with no; but where they are live, only something else failed
            if not (_are_live(stack, endpoint, weights) or _are_walked_to(stack, endpoint, weights)):
                runner(stack).set_object(OVERRIDE, endpoint, before)
            lock.unlink(missing_ok=True)


def all_traffic(stack: str, endpoint: str | None, deployment: str) -> AbstractContextManager[None]:
    """Return the override that gives all traffic to one deployment, which may not run yet.

    Raises SpecError for broken specifications, UsageError and NotFound for the endpoint, TrafficRefused for a
    deployment that no specification has; then nothing is written.
    """
    from sluice.cli.common import project
    from sluice.spec.load import check, load_specs
    from sluice.spec.settings import load_settings

    root = project()
    specs = load_specs(root, load_settings(root, stack).specs, stack)
    check(specs)
    name = one_of(list(specs.endpoints), endpoint)
    refuse({deployment: 100}, {d.name: d for d in specs.deployments if d.endpoint_name == name}, name)
    return overridden(stack, name, {deployment: 100})
