"""The `sluice` command's door. `validate` and `explain` go through without what the other verbs need to start."""

from __future__ import annotations

import gc
import os
import sys

from sluice.errors import SluiceError


def main() -> None:
    """Run the command line and exit with its status."""
    # Nearly all that is made while a command starts stays until its end: looking for garbage in it takes time twice.
    gc.set_threshold(100_000)
    status = run(sys.argv[1:])
    gc.freeze()
    sys.exit(status)


def run(arguments: list[str]) -> int:
    """Run one call and return its exit status; a user's mistake never shows a traceback."""
    try:
        return _dispatched(arguments)
    except SluiceError as error:
        _note(f"error: {error}")
        return error.exit_status
    except KeyboardInterrupt:
        return 130
    except SystemExit as end:  # argparse has printed its help
        return int(end.code or 0)
    except Exception as error:
        return unexpected(error)


def _dispatched(arguments: list[str]) -> int:
    verb, *rest = arguments or [""]
    if verb == "validate":
        from sluice.cli import validate

        return validate.run(rest)
    if verb == "explain":
        from sluice.cli import explain

        return explain.run(rest)
    from sluice.cli import app

    return app.run(arguments)


def unexpected(error: Exception) -> int:
    """Say that something failed in a way nobody foresaw, without a traceback unless SLUICE_DEBUG asks for it."""
    if os.environ.get("SLUICE_DEBUG"):
        raise error
    if isinstance(error, BrokenPipeError):
        return 1
    _note(f"error: {type(error).__name__}: {error}\n  Not foreseen. For all of it: SLUICE_DEBUG=1 sluice ...")
    return 1


def _note(text: str) -> None:
    from sluice.report import note

    note(text, "red")
