"""`sluice import`: an endpoint that is on Azure already, as specifications."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sluice.cli.common import DEFAULT_STACK, Stack, settings_of, target_of
from sluice.errors import Unsupported, UsageError
from sluice.report import note, say

if TYPE_CHECKING:
    from sluice.plan.azure_import import Imported


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("import")(import_endpoint)


def import_endpoint(
    endpoint: Annotated[str, typer.Argument(metavar="ENDPOINT", help="An endpoint of the stack's workspace.")],
    stack: Stack = DEFAULT_STACK,
) -> int:
    """Write the specifications of an endpoint that is on Azure: its own, and one for each of its deployments.

    Nothing on Azure is changed, and no file is overwritten. Values that may be secret are not written: they become
    `${env:NAME}`.

    Example: sluice import chat --stack prod
    """
    if target_of(stack) != "azure":
        raise Unsupported(
            f"stack {stack} is on this machine: what runs here was made from specifications",
            remedy="Name a stack whose settings say `target: azure`.",
        )
    root, found = _read(stack, endpoint)
    _refuse_existing(found)
    for path, one in found.items():
        _write(path, one)
        say(str(path.relative_to(root)))
        if one.hidden:
            note(f"  set these before `sluice up`: {', '.join(one.hidden)}", "yellow")
    note(f"next: sluice validate --stack {stack}")
    return 0


def _read(stack: str, endpoint: str) -> tuple[Path, dict[Path, Imported]]:
    from sluice.cli.on_azure import OnAzure
    from sluice.plan.azure_import import deployment_spec, endpoint_spec

    root, settings = settings_of(stack)
    service = OnAzure.of(root, settings).service
    folder, workspace = root / "endpoints" / endpoint, service.site.id
    own, deployments = service.bodies(endpoint)
    found = {folder / "endpoint.yaml": endpoint_spec(endpoint, own, workspace)}
    for body in deployments:
        name = str(body["name"])
        found[folder / f"{name}.yaml"] = deployment_spec(endpoint, name, body, workspace)
    return root, found


def _refuse_existing(paths: dict[Path, Any]) -> None:
    there = [path for path in paths if path.exists()]
    if there:
        raise UsageError(
            f"{', '.join(path.name for path in there)}: there already, in {there[0].parent}",
            remedy="Move what is there away, or edit it.",
        )


def _write(path: Path, one: Imported) -> None:
    import yaml

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(one.spec, sort_keys=False, allow_unicode=True), encoding="utf-8")
