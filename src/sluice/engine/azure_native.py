"""Pulumi's provider of Azure's resources: on PATH, in Pulumi's own folder, or fetched from Pulumi's site."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sluice.engine.install import ensure_engine
from sluice.engine.parts import EngineSource, Progress, pinned_versions
from sluice.engine.plugins import PluginSupply
from sluice.errors import EngineMissing

_NAME = "azure-native"


@dataclass(frozen=True)
class _NotBuilt:
    """Stands where other plugins are built from sources: this one's code is generated, and in no registry."""

    source: EngineSource = "official release"

    def install(self, folder: Path, progress: Progress) -> None:
        """Raise EngineMissing."""
        del folder, progress
        raise EngineMissing(
            "it could not be downloaded from Pulumi's site",
            details="It can't be built here: fetch it on a machine that reaches Pulumi's site, and put it on PATH.",
        )


def ensure_azure_native(progress: Progress, environ: Mapping[str, str] | None = None) -> None:
    """Install the provider unless it is there: on PATH, as Pulumi itself takes it first, or in Pulumi's folder.

    Raises EngineMissing where it can't be downloaded, and what `ensure_engine` raises.
    """
    around = dict(os.environ) if environ is None else environ
    if shutil.which(f"pulumi-resource-{_NAME}", path=around.get("PATH")):
        return
    supply = PluginSupply(_NAME, pinned_versions().azure_native, ensure_engine(progress), around, _NotBuilt())
    supply.ensure(progress)
