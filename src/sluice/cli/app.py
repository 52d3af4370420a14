"""The verbs as a Typer application: one file a verb, exit codes that scripts rely on."""

from __future__ import annotations

from typing import Annotated

import typer
from typer.exceptions import TyperException

from sluice.cli import (
    access,
    doctor,
    down,
    environment,
    evaluation,
    flow,
    import_endpoint,
    init,
    invoke,
    keys,
    list_endpoints,
    logs,
    model,
    preview,
    quick_verbs,
    rollback,
    rollout,
    runs,
    shell_env,
    status,
    token,
    traffic,
    up,
)
from sluice.report import note, say

app = typer.Typer(
    name="sluice",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def options(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    """Release ML and LLM endpoints from Azure-ML-style YAML.

    Exit codes: 0 done, 1 refused or failed, 2 the call is wrong, 3 paused or inconclusive, 130 interrupted.
    """
    if version:
        from importlib.metadata import version as version_of

        say(f"sluice {version_of('sluice')}")
        raise typer.Exit


for module in (
    init,
    quick_verbs,
    preview,
    up,
    down,
    rollback,
    status,
    list_endpoints,
    import_endpoint,
    invoke,
    logs,
    token,
    doctor,
    shell_env,
):
    module.register(app)
for group in (traffic, rollout, keys, access, model, environment, runs, evaluation, flow):
    group.register(app)


def run(arguments: list[str]) -> int:
    """Run one call and return its exit status. Raises SluiceError for a user's mistake."""
    arguments = arguments or ["--help"]
    try:
        result = typer.main.get_command(app).main(arguments, prog_name="sluice", standalone_mode=False)
    except typer.Abort:
        return 130
    except TyperException as error:
        note(f"error: {error.format_message()}", "red")
        return 2
    return result if isinstance(result, int) else 0
