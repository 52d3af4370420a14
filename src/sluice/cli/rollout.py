"""`sluice rollout`: see, follow and steer how an endpoint's traffic is walked to its goal."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sluice.cli import rollout_dry_run
from sluice.cli.common import DEFAULT_STACK, EndpointName, Json, Stack, Yes, chosen_endpoint, confirm, local_target
from sluice.errors import NotFound
from sluice.report import note, say, say_json

if TYPE_CHECKING:
    from sluice.cli.rollout_watch import Follower
    from sluice.rollout.models import Command
    from sluice.rollout.show import View
    from sluice.targets.local.target import LocalTarget

Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="How many, the newest first.")]


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    group = typer.Typer(
        help="See, follow and steer rollouts: traffic that is moved step by step.", no_args_is_help=True
    )
    for name, verb in (
        ("status", status),
        ("watch", watch),
        ("promote", promote),
        ("abort", abort),
        ("retry", retry),
        ("history", history),
    ):
        group.command(name)(verb)
    rollout_dry_run.register(group)
    app.add_typer(group, name="rollout")


def status(
    stack: Stack = DEFAULT_STACK,
    endpoint: EndpointName = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Go on until it has ended; Ctrl-C leaves it.")] = False,
    as_json: Json = False,
) -> int:
    """Show the rollout that is open, or was last: steps, weights, numbers of both deployments, verdicts, events.

    Without --endpoint: all endpoints in one line each, and those with an open rollout in full. With --watch the
    view is drawn again each second on a terminal; elsewhere (and with NO_COLOR or CI set) what happens comes as lines.

    Ends with status 0, whatever the rollout's state.

    Examples: sluice rollout status | sluice rollout status -e chat --watch | sluice rollout status --json
    """
    target = local_target(stack)
    if watch:
        return _watched(_follower(target, stack, endpoint))
    found = [_follower(target, stack, name) for name in ([endpoint] if endpoint else _names(target))]
    if as_json:
        say_json({"endpoints": [_plain(one) for one in found]})
    elif len(found) == 1:
        _show_whole(found[0])
    else:
        _show_all(found, stack)
    return 0


def watch(stack: Stack = DEFAULT_STACK, endpoint: EndpointName = None) -> int:
    """Follow a rollout until it ends, pauses or is held, through its bake; a line for each event. For pipelines.

    Ends with status 0 when it is done, 1 when it was rolled back or aborted, 3 when it waits or nobody drives it.

    Example: sluice rollout watch --stack prod --endpoint chat
    """
    from sluice.cli.rollout_watch import exit_status, follow

    shown = follow(_follower(local_target(stack), stack, endpoint), until_it_waits=True)
    for one in shown.next:
        note(f"{one.command}: {one.does}")
    return exit_status(shown)


def promote(stack: Stack = DEFAULT_STACK, endpoint: EndpointName = None, yes: Yes = False) -> int:
    """Go on with a rollout that is paused, or end its bake. What fails a gate can't be promoted.

    Ends with status 0 when it went on, 1 when it did not, or there is none to promote.

    Example: sluice rollout promote --stack prod --endpoint chat --yes
    """
    from sluice.rollout.models import Command, Phase

    follower = _follower(local_target(stack), stack, endpoint)
    before = follower.look()
    if before and before.open:
        _must_wait_for_people(before)
    seen = before.step if before else None
    status = _ordered(stack, endpoint, Command.PROMOTE, "Go on with the rollout of {}?", yes=yes, step=seen)
    after = follower.look()
    if status or not before or not after or after.step > before.step or after.phase is Phase.DONE:
        return status
    note("it did not go on: what fails a gate can't be promoted", "red")
    return 1


def abort(stack: Stack = DEFAULT_STACK, endpoint: EndpointName = None, yes: Yes = False) -> int:
    """Give an open rollout up: the weights it came from are live when this returns.

    Ends with status 0 when they are live, 1 when no rollout is open.

    Example: sluice rollout abort --stack prod --endpoint chat --yes
    """
    from sluice.rollout.models import Command, Phase

    status = _ordered(stack, endpoint, Command.ABORT, "Give up the rollout of {} and go back?", yes=yes)
    after = _follower(local_target(stack), stack, endpoint).look()
    if status or not after or after.phase is not Phase.DONE:
        return status
    note(f"it had reached its goal by then; go back: sluice rollback --endpoint {after.walk.endpoint}", "red")
    return 1


def retry(stack: Stack = DEFAULT_STACK, endpoint: EndpointName = None, yes: Yes = False) -> int:
    """Go on with a rollout that is held; or forget that the last one was given up, and run `sluice up` again.

    Ends as `sluice up` does; 1 when there is nothing to retry.

    Example: sluice rollout retry --stack prod --endpoint chat --yes
    """
    from sluice.rollout import control
    from sluice.rollout.models import Command, Phase

    target = local_target(stack)
    follower = _follower(target, stack, endpoint)
    shown = follower.look()
    if shown and shown.phase is Phase.HELD:
        return _ordered(stack, follower.endpoint, Command.RETRY, "Go on with the held rollout of {}?", yes=yes)
    if not confirm(f"Try the last rollout of {follower.endpoint} again?", yes=yes):
        return 1
    control.retry(target, follower.endpoint)
    return _up(stack)


def history(
    stack: Stack = DEFAULT_STACK,
    endpoint: EndpointName = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a Markdown table, for a pull request.")] = False,
    as_json: Json = False,
    limit: Limit = 20,
) -> int:
    """Show the rollouts that have ended, the newest first: from what to what, how, why, what it cost, who.

    Examples: sluice rollout history | sluice rollout history -e chat --markdown -n 1
    """
    from sluice.cli.rollout_watch import printed
    from sluice.rollout.files import RolloutFolder
    from sluice.rollout.show_history import history_lines, markdown_of, plain_history

    target = local_target(stack)
    names = [chosen_endpoint(target, endpoint).name] if endpoint else _names(target)
    ended = [one for name in names for one in RolloutFolder(target.paths.rollout(name)).history()]
    newest = sorted(ended, key=lambda one: one.ended, reverse=True)[:limit]
    if as_json:
        say_json(plain_history(newest))
    elif markdown:
        say(markdown_of(newest))
    elif newest:
        printed(history_lines(newest))
    else:
        say("no rollout has ended yet")
    return 0


def _names(target: LocalTarget) -> list[str]:
    from sluice.targets.local.state import endpoints_of

    return [state.name for state in endpoints_of(target.paths)]


def _follower(target: LocalTarget, stack: str, endpoint: str | None) -> Follower:
    from sluice.cli.rollout_watch import follower_of

    return follower_of(target, stack, chosen_endpoint(target, endpoint).name, several=len(_names(target)) > 1)


def _plain(follower: Follower) -> dict[str, Any]:
    from sluice.rollout.show import plain_view

    shown = follower.look()
    return {"endpoint": follower.endpoint, "rollout": plain_view(shown) if shown else None}


def _show_whole(follower: Follower) -> None:
    from sluice.cli.rollout_watch import printed
    from sluice.rollout.show_history import receipt_lines
    from sluice.rollout.show_text import lines
    from sluice.rollout.show_words import Line

    shown = follower.look()
    if shown is None:
        say(f"{follower.endpoint}  no rollout yet")
        return
    printed(lines(shown))
    if shown.ended:
        printed([Line(""), *receipt_lines(shown.ended)])


def _show_all(followers: list[Follower], stack: str) -> None:
    from sluice.cli.rollout_watch import printed
    from sluice.rollout.show_text import endpoint_line, lines

    if not followers:
        say(f"stack {stack} has no endpoint on this machine; make it: sluice up --stack {stack}")
    seen = [(one.endpoint, one.look()) for one in followers]
    printed([endpoint_line(name, shown) for name, shown in seen])
    for shown in (shown for _, shown in seen if shown and shown.open):
        say()
        printed(lines(shown))


def _watched(follower: Follower) -> int:
    from sluice.cli.rollout_watch import follow, live_view, printed, wants_colours
    from sluice.rollout.show_history import receipt_lines

    if not wants_colours():
        follow(follower, until_it_waits=False)
        return 0
    from rich.console import Console

    from sluice.rollout.show_words import Line

    shown = live_view(follower, Console(file=sys.stdout, highlight=False))
    printed([Line(""), *receipt_lines(shown.ended)] if shown.ended else [])
    return 0


def _ordered(
    stack: str, endpoint: str | None, command: Command, question: str, *, yes: bool, step: int | None = None
) -> int:
    from sluice.rollout import control
    from sluice.rollout.who import who

    target = local_target(stack)
    follower = _follower(target, stack, endpoint)
    if not confirm(question.format(follower.endpoint), yes=yes):
        return 1
    control.give(target, follower.endpoint, command, who(os.environ), step)
    _tell_where_it_stands(follower)
    return 0


def _tell_where_it_stands(follower: Follower) -> None:
    from sluice.cli.rollout_watch import printed
    from sluice.rollout.show_text import progress
    from sluice.rollout.show_words import Line

    shown = follower.must_look()
    printed([Line(f"{follower.endpoint}  {progress(shown)}"), Line(f"  {shown.says}")])


def _must_wait_for_people(shown: View) -> None:
    """Raise NotFound where a walk is neither paused nor bakes."""
    from sluice.rollout.models import Phase
    from sluice.rollout.show_words import words_of

    if shown.phase not in {Phase.PAUSED, Phase.BAKING}:
        raise NotFound(
            f"the rollout of {shown.walk.endpoint} is {words_of(shown.phase)}: there is no pause or bake to end",
            remedy=f"See where it stands: sluice rollout status -e {shown.walk.endpoint}",
        )


def _up(stack: str) -> int:
    from sluice.cli.up import up

    return up(stack, yes=True)
