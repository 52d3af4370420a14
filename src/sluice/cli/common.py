"""What the verbs share: options, and finding the project, the stack and the endpoint they are about."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sluice.errors import NotFound, UsageError
from sluice.project import find_project

if TYPE_CHECKING:
    from sluice.targets.local.state import EndpointState
    from sluice.targets.local.target import LocalTarget

Stack = Annotated[str, typer.Option("--stack", "-s", envvar="SLUICE_STACK", help="The stack: dev, staging, prod...")]
EndpointName = Annotated[
    str | None, typer.Option("--endpoint", "-e", help="The endpoint; needed only where the stack has several.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DEFAULT_STACK = "dev"


def project() -> Path:
    """Return the project's root. Raises UsageError outside of a project."""
    return find_project(Path.cwd())


def local_target(stack: str) -> LocalTarget:
    """Return the local target of a stack of this project."""
    from sluice.targets.local.target import LocalTarget

    return LocalTarget.of(project(), stack)


def chosen_endpoint(target: LocalTarget, name: str | None) -> EndpointState:
    """Return the named endpoint, or the only one. Raises NotFound, UsageError."""
    from sluice.targets.local.state import endpoints_of

    found = {state.name: state for state in endpoints_of(target.paths)}
    if not found:
        raise NotFound(f"stack {target.paths.root.name} has no endpoint on this machine", remedy="Make it: sluice up")
    if name is None and len(found) == 1:
        return next(iter(found.values()))
    if name is None:
        raise UsageError(f"the stack has several endpoints: {', '.join(found)}", remedy="Choose one: --endpoint NAME")
    if name not in found:
        raise NotFound(f"endpoint {name} does not exist; found: {', '.join(found)}", remedy="Choose one of them.")
    return found[name]


def confirm(question: str, *, yes: bool, ask: Callable[[str], bool] = typer.confirm) -> bool:
    """Return whether to go on: asked on a terminal, refused elsewhere without --yes."""
    import sys

    if yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError("this changes things and nobody can be asked", remedy="Say so: --yes")
    return ask(question)
