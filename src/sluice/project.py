"""Where a project is: the nearest folder upwards that holds a Pulumi.yaml. And which stacks it can have."""

from __future__ import annotations

import re
from pathlib import Path

from sluice.errors import UsageError


def find_project(start: Path) -> Path:
    """Return the project's root folder. Raises UsageError where there is none above `start`."""
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / "Pulumi.yaml").is_file():
            return folder
    raise UsageError(
        f"{start}: no Pulumi.yaml here or in any folder above",
        remedy="Go to your project, or make one here: sluice init",
    )


def refuse_unknown_stack(root: Path, stack: str) -> None:
    """Raise UsageError for a stack that has no folder where others have one: it would be made, and be empty."""
    refuse_stack_name(stack)
    known = stack_names(root)
    if known and stack not in known and not (root / "stacks" / f"Pulumi.{stack}.yaml").exists():
        raise UsageError(
            f"stack {stack} has no folder stacks/{stack}; found: {', '.join(known)}",
            remedy=f"Name one of them, or make it: mkdir stacks/{stack}",
        )


def stack_names(root: Path) -> tuple[str, ...]:
    """Return the stacks that have a folder in the project, sorted."""
    folder = root / "stacks"
    return tuple(sorted(path.name for path in folder.iterdir() if path.is_dir())) if folder.is_dir() else ()


def refuse_stack_name(stack: str) -> None:
    """Raise UsageError for a name that Pulumi would not take as a stack's."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", stack):
        raise UsageError(f"{stack!r} can't name a stack", remedy="Use letters, digits, `-`, `_` and `.`")
