"""`sluice validate`: check specifications, offline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sluice.cli.common import DEFAULT_STACK, Json, Stack, project, refuse_unknown_stack
from sluice.errors import SluiceError
from sluice.report import say, say_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sluice.errors import Mark
    from sluice.spec.models import Diagnostic, SpecSet


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("validate")(validate)


def validate(
    files: Annotated[list[Path] | None, typer.Argument(help="Files to check; without any, the stack's.")] = None,
    stack: Stack = DEFAULT_STACK,
    as_json: Json = False,
) -> int:
    """Check specifications and say, for each finding, file, line and column. Exit 1 on an error.

    Examples: sluice validate | sluice validate endpoints/qa/blue.yaml
    """
    findings = _of_files(files) if files else _of_stack(stack)
    errors = sum(finding.severity == "error" for finding in findings)
    if as_json:
        say_json({"errors": errors, "findings": [_plain(finding) for finding in findings]})
    else:
        for finding in findings:
            say(
                f"{finding.at}: {finding.severity}: {finding.message}"
                + (f"\n  {finding.remedy}" * bool(finding.remedy))
            )
        say(f"{errors} errors, {len(findings) - errors} warnings")
    return 1 if errors else 0


def _of_files(files: list[Path]) -> tuple[Diagnostic, ...]:
    from sluice.spec.files import validate_files

    return validate_files(Path.cwd(), [one for file in files for one in _expanded(file)])


def _expanded(path: Path) -> list[Path]:
    """Return the specifications in a folder; a file stands for itself."""
    from sluice.spec.documents import gather

    if not path.is_dir():
        return [path]
    found = gather(path.resolve(), ["**/*.yml", "**/*.yaml"])
    return [path / document.node.at.path for document in found.documents]


def _of_stack(stack: str) -> tuple[Diagnostic, ...]:
    from sluice.spec.load import load_specs
    from sluice.spec.settings import load_settings, settings_findings

    root = project()
    refuse_unknown_stack(root, stack)
    settings = load_settings(root, stack)
    specs = load_specs(root, settings.specs, stack)
    found = (*specs.diagnostics, *settings_findings(settings, specs))
    wrong = any(finding.severity == "error" for finding in found)
    return found if wrong or settings.target != "local" else (*found, *_of_plan(specs, settings.at))


def _of_plan(specs: SpecSet, at: Mark) -> Iterator[Diagnostic]:
    """Yield what would stop a deployment to this machine, although each file is right by itself."""
    from sluice.plan.local import plan_local
    from sluice.plan.servers import ServerKind
    from sluice.spec.findings import error_at
    from sluice.targets.local.serving.images import requirements

    if not specs.endpoints:
        yield error_at(at, "no endpoint in any specification of this stack", "Check `specs` of the stack.", "specs")
    try:
        for planned in plan_local(specs, {}, {}).of("Environment"):
            image, own = planned.properties["image"], planned.properties["requirements"]
            requirements(image, ServerKind(str(planned.properties["server"])), own)  # type: ignore[arg-type]
    except SluiceError as error:
        yield error_at(error.at or at, error.message, error.remedy, error.code)


def _plain(finding: Diagnostic) -> dict[str, object]:
    at = {"path": finding.at.path, "line": finding.at.line, "column": finding.at.column}
    return {"severity": finding.severity, **at, "message": finding.message, "remedy": finding.remedy}
