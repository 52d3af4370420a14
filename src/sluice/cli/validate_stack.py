"""`sluice validate` without files, and for hooks: a whole stack, each specification against the others."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sluice.errors import SluiceError, SpecError, UsageError
from sluice.project import find_project, refuse_unknown_stack
from sluice.spec.affected import affected, documents_below
from sluice.spec.files import Reading, Source, validate_files, validated
from sluice.spec.kinds import Kind
from sluice.spec.load import load_specs
from sluice.spec.of_project import project_results
from sluice.spec.rules.advice import advice
from sluice.spec.rules.advice_quota import read_quota
from sluice.spec.settings import load_settings, settings_findings

if TYPE_CHECKING:
    from sluice.cli.validate import Call
    from sluice.spec.diagnostics import Diagnostic
    from sluice.spec.models import SpecSet
    from sluice.spec.results import FileResult
    from sluice.spec.settings import StackSettings


def here(call: Call) -> Iterator[FileResult]:
    """Yield the results of the stack of the project that the working directory is in. Raises UsageError."""
    root = find_project(Path.cwd())
    refuse_unknown_stack(root, call.stack)
    yield from _from_here(root, _of_stack(root, call))


def affected_results(changed: Sequence[Path], call: Call) -> Iterator[FileResult]:
    """Yield the results of the specifications among `changed`, and of those that depend on one of the files.

    Each file is checked within the project it lies in, or by itself where it lies in none.
    """
    by_root: dict[Path | None, list[Path]] = {}
    for path in changed:
        by_root.setdefault(_project_of(path), []).append(path.resolve())
    for root, files in by_root.items():
        yield from _affected_below(root, files, call)


def _affected_below(root: Path | None, changed: Sequence[Path], call: Call) -> Iterator[FileResult]:
    folder = root or Path.cwd().resolve()
    concerned = affected(tuple(documents_below(folder)), changed, folder)
    of_stack = {folder / one.path: one for one in _of_stack(folder, call)} if root else {}
    reading = Reading(allow_placeholders=call.allow_placeholders, only_specs=True)
    for path in sorted({*concerned, *(path for path in changed if path.suffix in {".yaml", ".yml"})}):
        alone = validated(folder, [Source(path)], reading)
        yield from _from_here(folder, [of_stack[path]] if path in of_stack else alone)


def _project_of(path: Path) -> Path | None:
    try:
        return find_project(path.resolve().parent)
    except UsageError:
        return None


def _from_here(root: Path, results: Iterable[FileResult]) -> Iterator[FileResult]:
    """Yield results of a project with paths as the caller sees them, who may stand in one of its folders."""
    here = Path.cwd().resolve()
    for one in results:
        yield one if here == root else one._replace(path=Path(os.path.relpath(root / one.path, here)).as_posix())


def _of_stack(root: Path, call: Call) -> tuple[FileResult, ...]:
    try:
        settings = load_settings(root, call.stack)
    except SpecError as error:
        return validate_files(root, [root / (error.at.path if error.at else "")], Kind.STACK)
    specs = load_specs(root, settings.specs, call.stack)
    quota = read_quota(call.quota) if call.quota else None
    found = (*specs.diagnostics, *settings_findings(settings, specs), *advice(specs, settings, quota))
    if settings.target == "local" and not any(one.severity == "error" for one in found):
        found = (*found, *_of_plan(specs, settings))
    found = (*found, *_of_locks(specs, settings))
    if settings.target == "azure":
        found = (*found, *_of_bases(specs))
    return project_results(specs, found, allow_placeholders=call.allow_placeholders)


def _of_plan(specs: SpecSet, settings: StackSettings) -> Iterator[Diagnostic]:
    """Yield what would stop a deployment to this machine, although each file is right by itself."""
    from sluice.plan.local import Local, plan_local
    from sluice.plan.runtimes import Runtime
    from sluice.plan.servers import ServerKind
    from sluice.spec.findings import error_at
    from sluice.spec.frozen import frozen_map
    from sluice.targets.local.serving.images import requirements

    at = settings.at
    if not specs.endpoints:
        yield error_at(at, "no endpoint in any specification of this stack", "Check `specs` of the stack.", "specs")
    try:
        # Whether an image can be built is found out where it is built; here each counts as one that can.
        names = {f"{one.endpoint_name}/{one.name}": one.name for one in specs.deployments}
        local = Local(Runtime(settings.runtime), frozen_map(names))
        for planned in plan_local(specs, {}, {}, local).of("Environment"):
            if planned.properties["runtime"] == Runtime.DOCKER:
                continue
            image, own = planned.properties["image"], planned.properties["requirements"]
            requirements(image, ServerKind(str(planned.properties["server"])), own)  # type: ignore[arg-type]
    except SluiceError as error:
        yield error_at(error.at or at, error.message, error.remedy, error.code)


def _of_bases(specs: SpecSet) -> Iterator[Diagnostic]:
    """Yield which base images Azure can't pull, or can't serve a flow from."""
    from sluice.images.stack_bases import base_findings

    return base_findings(specs)


def _of_locks(specs: SpecSet, settings: StackSettings) -> Iterator[Diagnostic]:
    """Yield where packages and their locks have drifted apart."""
    from sluice.images.requests import asked_locks, stack_lock_findings
    from sluice.spec.findings import error_at
    from sluice.targets.local.serving.images import server_packages

    try:
        yield from stack_lock_findings(asked_locks(specs, server_packages), specs.root)
    except SluiceError as error:
        yield error_at(error.at or settings.at, error.message, error.remedy, error.code)
