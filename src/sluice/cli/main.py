"""The `sluice` command: one file a verb, errors as the user's words, exit codes that scripts rely on."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

from sluice.cli import (
    doctor,
    down,
    init,
    invoke,
    keys,
    logs,
    model,
    preview,
    shell_env,
    status,
    token,
    traffic,
    up,
    validate,
)
from sluice.errors import SluiceError
from sluice.report import note, say

app = typer.Typer(
    name="sluice",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
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


for module in (init, validate, preview, up, down, status, invoke, logs, token, doctor, shell_env):
    module.register(app)
for group in (traffic, keys, model):
    group.register(app)


def main() -> None:
    """Run the command line and exit with its status."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one call and return its exit status; a user's mistake never shows a traceback."""
    arguments = arguments or ["--help"]
    try:
        result = typer.main.get_command(app).main(arguments, prog_name="sluice", standalone_mode=False)
    except SluiceError as error:
        note(f"error: {error}", "red")
        return error.exit_status
    except typer.Abort:
        return 130
    except KeyboardInterrupt:
        return 130
    except TyperException as error:
        note(f"error: {error.format_message()}", "red")
        return 2
    except Exception as error:
        return unexpected(error)
    return result if isinstance(result, int) else 0


def unexpected(error: Exception) -> int:
    """Say that something failed in a way nobody foresaw, without a traceback unless SLUICE_DEBUG asks for it."""
    if os.environ.get("SLUICE_DEBUG"):
        raise error
    if isinstance(error, BrokenPipeError):
        return 1
    note(f"error: {type(error).__name__}: {error}\n  Not foreseen. For all of it: SLUICE_DEBUG=1 sluice ...", "red")
    return 1
