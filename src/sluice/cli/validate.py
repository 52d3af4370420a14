"""`sluice validate`: check specifications, offline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sluice.cli.common import DEFAULT_STACK, Json, Stack, project
from sluice.report import say, say_json

if TYPE_CHECKING:
    from sluice.spec.models import Diagnostic


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
    from sluice.spec.load import validate_files

    return validate_files(Path.cwd(), files)


def _of_stack(stack: str) -> tuple[Diagnostic, ...]:
    from sluice.spec.load import load_specs
    from sluice.spec.settings import load_settings, settings_findings

    root = project()
    settings = load_settings(root, stack)
    specs = load_specs(root, settings.specs, stack)
    return (*specs.diagnostics, *settings_findings(settings, specs))


def _plain(finding: Diagnostic) -> dict[str, object]:
    at = {"path": finding.at.path, "line": finding.at.line, "column": finding.at.column}
    return {"severity": finding.severity, **at, "message": finding.message, "remedy": finding.remedy}
