"""`sluice init`: make a folder a project, around the specifications that lie in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from glob import escape
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import Annotated

import typer

from sluice.errors import StorageFailed, UsageError
from sluice.project import refuse_stack_name
from sluice.report import say

IGNORED = (".sluice/", "stacks/Pulumi.*.yaml")


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("init")(init)


def init(
    folder: Annotated[Path, typer.Argument(help="The project's folder.")] = Path(),
    name: Annotated[str | None, typer.Option("--name", help="The project's name; the folder's unless told.")] = None,
    stack: Annotated[str, typer.Option("--stack", "-s", help="The first stack.")] = "dev",
) -> int:
    """Make a folder a project: what Pulumi needs, and a stack over the specifications found in it.

    Nothing that exists is changed; `.gitignore` gets two lines.

    Examples: sluice init | sluice init my-repository --name answers --stack dev
    """
    refuse_stack_name(stack)
    root = folder.resolve()
    if not root.is_dir():
        raise UsageError(f"{folder}: no such folder", remedy=f"Make it first: mkdir -p {folder}")
    found = found_specs(root)
    try:
        made = [path for path, text in _contents(root, name, stack, found).items() if _write(root / path, text)]
        _ignore(root / ".gitignore")
    except OSError as error:
        raise StorageFailed(f"{root}: can't be written ({error.strerror})", remedy="Give yourself access.") from None
    say(f"found {len(found)} specifications{':' * bool(found)} {' '.join(map(str, found[:12]))}".rstrip())
    for path in made:
        say(f"wrote {path}")
    say(f"next: sluice validate, then: sluice up --stack {stack}")
    return 0


def _contents(root: Path, name: str | None, stack: str, found: list[PurePosixPath]) -> dict[str, str]:
    project = re.sub(r"[^A-Za-z0-9_.-]+", "-", name or root.name) or "project"
    return {
        "Pulumi.yaml": _template("Pulumi.yaml.txt").replace("NAME", _as_text(project)),
        "infra/__main__.py": _template("main.py.txt"),
        f"stacks/{stack}/stack.yaml": settings(stack, patterns_for(found)),
    }


def settings(stack: str, patterns: Iterable[str]) -> str:
    """Return a stack's settings file; without patterns the default places apply."""
    lines = [f"# Settings of the stack `{stack}`.", "target: local"]
    listed = [f"  - {_as_text(pattern)}" for pattern in patterns]
    return "\n".join([*lines, *(["specs:", *listed] if listed else []), ""])


def found_specs(root: Path) -> list[PurePosixPath]:
    """Return the specifications in a repository, wherever they lie, relative to it."""
    from sluice.spec.documents import gather

    found = gather(root, ["**/*.yml", "**/*.yaml"]).documents
    places = [PurePosixPath(document.node.at.path) for document in found]
    return [place for place in places if place.parts[0] != "stacks"]


def patterns_for(places: Iterable[PurePosixPath]) -> list[str]:
    """Return one glob a folder and ending; none where all lies in the default places."""
    usual = {"endpoints", "models", "environments", "connections"}
    places = list(places)
    if all(place.parts[0] in usual for place in places):
        return []
    return sorted(
        {(escape(place.parent.as_posix()) / PurePosixPath(f"*{place.suffix}")).as_posix() for place in places}
    )


def _as_text(value: str) -> str:
    """Return YAML that is read as this text: quoted where it would be a number, an alias or the like."""
    import yaml

    plain = re.fullmatch(r"[A-Za-z][\w./*-]*", value) and yaml.safe_load(value) == value
    return value if plain else json.dumps(value, ensure_ascii=False)


def _template(name: str) -> str:
    return (files("sluice") / "templates" / name).read_text(encoding="utf-8")


def _write(path: Path, text: str) -> bool:
    if path.exists():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return True


def _ignore(path: Path) -> None:
    lines = path.read_text().splitlines() if path.exists() else []
    missing = [line for line in IGNORED if line not in lines]
    if missing:
        path.write_text("\n".join([*lines, *missing, ""]))
