"""`sluice model list|show`: registered models."""

from __future__ import annotations

from typing import Annotated

import typer

from sluice.cli.common import DEFAULT_STACK, Json, Stack, local_target
from sluice.errors import NotFound
from sluice.report import say, say_json, table


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    group = typer.Typer(help="Show registered models.", no_args_is_help=True)
    group.command("list")(list_models)
    group.command("show")(show)
    app.add_typer(group, name="model")


def list_models(stack: Stack = DEFAULT_STACK, as_json: Json = False) -> int:
    """List the model versions of a stack.

    Example: sluice model list --stack dev
    """
    records = list(local_target(stack).models.versions.values())
    if as_json:
        say_json({"models": records})
    else:
        rows = [(r["name"], r["version"], r["type"], r["contentHash"][:12], r["path"]) for r in records]
        say(table(("name", "version", "type", "content", "path"), rows))
    return 0


def show(
    model: Annotated[str, typer.Argument(metavar="NAME[:VERSION]", help="The model; without version, all of it.")],
    stack: Stack = DEFAULT_STACK,
) -> int:
    """Show a model version as JSON.

    Example: sluice model show qa-blue:1
    """
    name, _, version = model.partition(":")
    records = local_target(stack).models.versions.values()
    found = [r for r in records if r["name"] == name and version in ("", r["version"])]
    if not found:
        raise NotFound(f"model {model} is not registered here", remedy="See them: sluice model list")
    say_json(found[0] if version else found)
    return 0
