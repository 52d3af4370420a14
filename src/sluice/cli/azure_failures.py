"""Why deployments on Azure did not start, told beside the engine's own error."""

from __future__ import annotations

from sluice.cli.common import settings_of, target_of
from sluice.errors import SluiceError
from sluice.report import note


def tell_failures(stack: str) -> None:
    """Print what the containers of a stack's failed deployments say; nothing for a stack on this machine.

    What can't be read is left out: the failure that led here is the one that is told.
    """
    try:
        if target_of(stack) != "azure":
            return
        from sluice.cli.on_azure import OnAzure

        for name, cause in OnAzure.of(*settings_of(stack)).failures():
            note(f"{name} failed, and its {cause.container} says: {cause.line}", "red")
            for line in cause.lines:
                note(f"    {line}")
    except SluiceError:
        return
