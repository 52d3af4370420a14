"""What every resource of the provider answers, and what it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from sluice.targets.local.paths import StackPaths
from sluice_infra.provider.values import Plain


@dataclass(frozen=True)
class Context:
    """Where a call belongs: the project on disk, the stack, and the lines to talk to the user on.

    What is reported takes the place of what was reported before; a warning stays.
    """

    root: Path
    stack: str
    report: Callable[[str], None]
    warn: Callable[[str], None]
    cancelled: Callable[[], bool]

    @property
    def paths(self) -> StackPaths:
        """Return where the local target of this stack keeps its files."""
        return StackPaths.of(self.root, self.stack)


@dataclass(frozen=True)
class Live:
    """What a read found: outputs as they are, inputs as they would have to be, and what is unwell."""

    properties: Plain
    reasons: tuple[str, ...] = ()


class Handler:
    """One resource type. Every method blocks and runs in a thread of its own; none keeps state.

    `inputs` names all inputs (an absent one is null), `replace` those whose change makes a new resource,
    `secrets` the properties that are encrypted in the state. Returned properties hold the inputs and the
    outputs, as they are live. `computed` names the outputs a create or update may change: unknown in previews.
    """

    inputs: ClassVar[tuple[str, ...]] = ()
    replace: ClassVar[frozenset[str]] = frozenset()
    secrets: ClassVar[frozenset[str]] = frozenset()
    computed: ClassVar[tuple[str, ...]] = ()

    def check(self, context: Context, old: Plain, new: Plain) -> Iterable[tuple[str, str]]:
        """Yield (property, reason) for every input that can't be; runs in previews too."""
        del context, old, new
        return ()

    def filled(self, old: Plain, new: Plain) -> Plain:
        """Return the inputs that follow from what is live (`old`, after a refresh), to be put over `new`.

        Raises SluiceError for what can't be.
        """
        del old, new
        return {}

    def create(self, context: Context, inputs: Plain) -> tuple[str, Plain]:
        """Make it; return its id and properties. Repeating after a crash must be safe."""
        raise NotImplementedError

    def read(self, context: Context, identifier: str, state: Plain) -> Live | None:
        """Return what is live, or None when it is gone. `state` is empty on import."""
        raise NotImplementedError

    def update(self, context: Context, identifier: str, state: Plain, inputs: Plain) -> Plain:
        """Change it in place; return its properties."""
        raise NotImplementedError

    def delete(self, context: Context, identifier: str, state: Plain) -> None:
        """Remove it; a thing already gone is no error."""
        raise NotImplementedError


class PartlyFailed(Exception):
    """The resource exists with these properties, but is not as it should be."""

    def __init__(self, identifier: str, properties: Plain, reasons: tuple[str, ...]) -> None:
        super().__init__("; ".join(reasons))
        self.identifier = identifier
        self.properties = properties
        self.reasons = reasons
