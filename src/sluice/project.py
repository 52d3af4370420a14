"""Where a project is: the nearest folder upwards that holds a Pulumi.yaml."""

from __future__ import annotations

from pathlib import Path

from sluice.errors import UsageError


def find_project(start: Path) -> Path:
    """Return the project's root folder. Raises UsageError where there is none above `start`."""
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / "Pulumi.yaml").is_file():
            return folder
    raise UsageError(
        f"{start}: no Pulumi.yaml here or in any folder above",
        remedy="Go to your project, or make one here: sluice init",
    )
