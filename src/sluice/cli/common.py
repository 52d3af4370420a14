"""What the verbs share: options, and finding the project, the stack and the endpoint they are about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Protocol

import typer

from sluice.errors import NotFound, UsageError
from sluice.project import find_project, refuse_unknown_stack

if TYPE_CHECKING:
    from sluice.spec.settings import StackSettings
    from sluice.targets.local.state import EndpointState
    from sluice.targets.local.target import LocalTarget
    from sluice.traffic.router import Routing

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


class Service(Protocol):
    """What verbs ask of endpoints that are there, wherever a stack lives. Raises SluiceErrors."""

    def chosen(self, name: str | None) -> str:
        """Return the named endpoint, or the stack's only one."""
        ...

    def ask(self, endpoint: str, body: bytes, deployment: str | None) -> Answer:
        """Send a request to an endpoint, or to one of its deployments whatever its weight."""
        ...

    def routing(self, endpoint: str) -> Routing:
        """Return the live weights, one for every deployment, and mirror traffic."""
        ...

    def keys(self, endpoint: str) -> tuple[str, str]:
        """Return the primary and the secondary key."""
        ...

    def regenerate(self, endpoint: str, key: Literal["primary", "secondary"]) -> None:
        """Replace one key."""
        ...

    def token(self, endpoint: str, lifetime_s: int | None) -> tuple[str, float]:
        """Return a token and when it ends (seconds since 1970); `lifetime_s` None for as long as is usual."""
        ...

    def logs(self, endpoint: str, asked: LogsAsked) -> Iterator[str]:
        """Yield lines of logs, each with whose it is; without end where they are followed."""
        ...

    def listed(self) -> list[dict[str, Any]]:
        """Return every endpoint that is there, in short: name, url, auth_mode, state, traffic."""
        ...

    def described(self, name: str | None, *, metrics: bool) -> list[dict[str, Any]]:
        """Return endpoints as `status --json` gives them: the named one, or all of the stack."""
        ...

    def shown(self, described: Mapping[str, Any]) -> str:
        """Return a described endpoint as text."""
        ...

    @property
    def nothing(self) -> str:
        """Return what is said where the stack has no endpoint there."""
        ...


class Answer(NamedTuple):
    """What an endpoint answered, who did, how long it took, and a word about the status where it needs one."""

    status: int
    text: str
    deployment: str | None
    seconds: float
    hint: str = ""


class LogsAsked(NamedTuple):
    """Which lines: of one deployment or all, of one replica or container; the last `tail` of each, and what follows."""

    deployment: str | None = None
    replica: str | None = None
    container: str | None = None
    tail: int = 50
    follow: bool = False


def service_of(stack: str) -> Service:
    """Return the operations of a stack: on this machine, or on Azure, whose code is loaded for such a stack only."""
    if target_of(stack) == "azure":
        from sluice.cli.on_azure import OnAzure

        return OnAzure.of(*settings_of(stack))
    from sluice.cli.on_this_machine import OnThisMachine

    return OnThisMachine(stack, local_target(stack))


def target_of(stack: str) -> str:
    """Return where a stack of this project lives: `local` or `azure`.

    A file that does not hold the word is read no further: verbs on this machine start without YAML and schemas.
    """
    root = project()
    refuse_unknown_stack(root, stack)
    file = root / "stacks" / stack / "stack.yaml"
    try:
        if "azure" not in file.read_text(encoding="utf-8", errors="replace"):
            return "local"
    except FileNotFoundError:
        return "local"
    return settings_of(stack)[1].target


def settings_of(stack: str) -> tuple[Path, StackSettings]:
    """Return the project's root and a stack's settings. Raises UsageError, SpecError."""
    from sluice.spec.settings import load_settings

    root = project()
    refuse_unknown_stack(root, stack)
    return root, load_settings(root, stack)


def local_target(stack: str) -> LocalTarget:
    """Return the local target of a stack of this project."""
    from sluice.targets.local.target import LocalTarget

    root = project()
    refuse_unknown_stack(root, stack)
    return LocalTarget.of(root, stack)


def chosen_endpoint(target: LocalTarget, name: str | None) -> EndpointState:
    """Return the named endpoint, or the only one. Raises NotFound, UsageError."""
    from sluice.targets.local.state import endpoints_of

    found = {state.name: state for state in endpoints_of(target.paths)}
    if not found:
        raise NotFound(f"stack {target.paths.root.name} has no endpoint on this machine", remedy="Make it: sluice up")
    return found[one_of(list(found), name)]


def one_of(endpoints: Sequence[str], name: str | None) -> str:
    """Return `name` when it is one of the endpoints, or the only one there is. Raises UsageError, NotFound."""
    if name is None and len(endpoints) == 1:
        return endpoints[0]
    listed = ", ".join(endpoints) or "none"
    if name is None:
        raise UsageError(f"the stack has {len(endpoints)} endpoints: {listed}", remedy="Choose one: --endpoint NAME")
    if name not in endpoints:
        raise NotFound(f"endpoint {name} does not exist; found: {listed}", remedy="Choose one of them.")
    return name


def confirm(question: str, *, yes: bool, ask: Callable[[str], bool] = typer.confirm) -> bool:
    """Return whether to go on: asked on a terminal, refused elsewhere without --yes."""
    import sys

    if yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError("this changes things and nobody can be asked", remedy="Say so: --yes")
    return ask(question)
