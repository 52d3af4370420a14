"""`sluice model list|show|create`: registered models, and a model from a run."""

from __future__ import annotations

from typing import Annotated

import typer

from sluice.cli.common import DEFAULT_STACK, Json, Stack, local_target, project
from sluice.errors import NotFound
from sluice.report import say, say_json, table


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    group = typer.Typer(help="Show registered models, and make one from a run.", no_args_is_help=True)
    group.command("list")(list_models)
    group.command("show")(show)
    group.command("create")(create)
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


def create(
    run: Annotated[str, typer.Option("--run", help="The run whose flow becomes a model.")],
    name: Annotated[str | None, typer.Option("--name", help="The model's name; the flow's unless told.")] = None,
    version: Annotated[str, typer.Option("--version", help="Its version.")] = "1",
) -> int:
    """Write the specification of a model with the flow that a run ran; `sluice up` registers it.

    It names the flow's folder while that is as it was run; else the run's snapshot is copied beside it.

    Example: sluice model create --run qa-blue-tuned --name qa-blue --version 2
    """
    from sluice.runs.registering import model_of_run, written
    from sluice.runs.store import RunStore

    root = project()
    file = written(model_of_run(root, RunStore(root).get(run), name, version))
    say(f"wrote {file.path.relative_to(root)}")
    if file.copied:
        say(f"wrote {file.copied.relative_to(root)}: the flow as the run had it")
    say("next: name it as `model` of a deployment (azureml:NAME:VERSION), then: sluice up")
    return 0
