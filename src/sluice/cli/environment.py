"""`sluice environment lock|show|diff`: the exact packages that deployments run with."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer

from sluice.cli import builder
from sluice.cli.common import DEFAULT_STACK, Json, Stack, project
from sluice.errors import Mark, NotFound, SpecError, UsageError
from sluice.images.feeds import split_feeds
from sluice.images.lock import OWN, SERVER, Lock, LockRequest, changes, lock_path, read_lock
from sluice.images.requests import LockTarget, lock_targets
from sluice.project import refuse_unknown_stack
from sluice.report import Progress, say, say_json, table
from sluice.spec.requirements import pip_lines

Files = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[FILE]...", help="Requirements or conda files; without any, all of the stack."),
]
Upgrade = Annotated[bool, typer.Option("--upgrade", help="Take the newest versions instead of the locked ones.")]


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    group = typer.Typer(help="Lock and show the packages that deployments run with.", no_args_is_help=True)
    group.command("lock")(lock)
    group.command("show")(show)
    group.command("diff")(diff)
    builder.register(group)
    app.add_typer(group, name="environment")


def lock(files: Files = None, stack: Stack = DEFAULT_STACK, upgrade: Upgrade = False) -> int:
    """Resolve requirements and write a lock beside each file: exact versions with hashes. Commit it.

    Versions that are locked already stay where they still fit.

    Examples: sluice environment lock | sluice environment lock flows/qa/requirements.txt --upgrade
    """
    for target in _targets(files, stack):
        before = target.text
        after = _resolved(target, None if upgrade else before)
        if after != before:
            target.path.write_text(after, encoding="utf-8")
        say(f"{_shown(target.path)}: {_summary(before, after)}")
    return 0


def show(files: Files = None, stack: Stack = DEFAULT_STACK, as_json: Json = False) -> int:
    """Show the locked packages and what asked for each.

    Example: sluice environment show --json
    """
    found = {_shown(target.path): _read(target) for target in _targets(files, stack)}
    if as_json:
        say_json({"locks": {name: _plain(one) for name, one in found.items()}})
        return 0
    for name, one in found.items():
        say(f"{name}: {len(one.versions)} packages, Python {one.python_version} and newer")
        say(table(("package", "version", "asked for by"), list(_rows(one))))
    return 0


def diff(files: Files = None, stack: Stack = DEFAULT_STACK, upgrade: Upgrade = False, as_json: Json = False) -> int:
    """Show what a lock changes against the last commit; with --upgrade, what a fresh resolution would change.

    Examples: sluice environment diff | sluice environment diff --upgrade
    """
    found = {_shown(target.path): _changes(target, upgrade=upgrade) for target in _targets(files, stack)}
    if as_json:
        say_json(found)
        return 0
    for name, words in found.items():
        say(f"{name}: {'no change' if not words else ''}".rstrip())
        for word in words:
            say(f"  {word}")
    return 0


def _changes(target: LockTarget, *, upgrade: bool) -> list[str]:
    now = _read(target).versions
    if upgrade:
        return list(changes(now, _versions(_resolved(target, None))).words())
    committed = _committed(target.path)
    if committed is None:
        return [f"not committed yet: {len(now)} packages"]
    return list(changes(_versions(committed), now).words())


def _committed(path: Path) -> str | None:
    """Return a file as it is in the last commit; None where git has none."""
    command = ["git", "show", f"HEAD:./{path.name}"]
    done = subprocess.run(command, cwd=path.parent, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else None


def _targets(files: list[Path] | None, stack: str) -> tuple[LockTarget, ...]:
    """Return the locks that the files mean, or all of the stack. Raises UsageError, NotFound."""
    if files:
        known = {target.source.resolve(): target for target in (_of_stack(stack) if _in_project() else ())}
        return tuple(known.get(file.resolve()) or _alone(file) for file in files)
    found = _of_stack(stack)
    if not found:
        raise NotFound(
            "no deployment of this stack asks for packages of its own",
            remedy="Name a requirements file, or add a requirements.txt to a flow's folder.",
        )
    return found


def _in_project() -> bool:
    try:
        project()
    except UsageError:
        return False
    return True


def _of_stack(stack: str) -> tuple[LockTarget, ...]:
    from sluice.spec.load import load_specs
    from sluice.spec.settings import load_settings
    from sluice.targets.local.serving.images import server_packages

    root = project()
    refuse_unknown_stack(root, stack)
    return lock_targets(load_specs(root, load_settings(root, stack).specs, stack), server_packages)


def _alone(file: Path) -> LockTarget:
    """Return the lock of a file that no deployment names: resolved by itself."""
    if file.suffix in {".yaml", ".yml"}:
        remedy = "Name it as `conda_file` of an environment, and let a deployment use that."
        raise UsageError(f"{file}: no deployment of this stack uses this file", remedy=remedy)
    feeds, lines = split_feeds(pip_lines(file))
    source = file.resolve()
    return LockTarget(lock_path(source), source, LockRequest(lines), feeds, Mark(str(file)), ())


def _resolved(target: LockTarget, previous: str | None) -> str:
    from sluice.images.locking import resolve
    from sluice.images.prepare import indexes_of
    from sluice.images.uv import Run

    progress = Progress()
    try:
        talk = Run(report=lambda text: progress.status(_shown(target.source), text))
        return resolve(target.request, target.source, indexes_of(target.feeds).run(talk), previous)
    finally:
        progress.close()


def _summary(before: str | None, after: str) -> str:
    new = read_lock(after).versions
    if before is None:
        return f"{len(new)} packages locked"
    words = changes(_versions(before), new).words()
    return f"{len(new)} packages" + (f": {', '.join(words)}" if words else ", no change")


def _versions(lock: str) -> Mapping[str, str]:
    try:
        return read_lock(lock).versions
    except SpecError:
        return {}  # none, or damaged and about to be written anew


def _read(target: LockTarget) -> Lock:
    text = target.text
    if text is None:
        remedy = f"Write it: sluice environment lock {_shown(target.source)}"
        raise NotFound(f"{_shown(target.source)} has no lock", remedy=remedy)
    return read_lock(text, _shown(target.path))


def _rows(found: Lock) -> Iterator[tuple[str, str, str]]:
    for package in found.packages:
        yield package.name, package.version, ", ".join(_asker(name) for name in package.via)


def _asker(name: str) -> str:
    return {OWN: "your requirements", SERVER: "the server"}.get(name, name)


def _plain(found: Lock) -> dict[str, object]:
    packages = [{"name": one.name, "version": one.version, "via": list(one.via)} for one in found.packages]
    return {"python": found.python_version, "server": list(found.server), "packages": packages}


def _shown(path: Path) -> str:
    here = Path.cwd()
    return path.relative_to(here).as_posix() if path.is_relative_to(here) else str(path)
