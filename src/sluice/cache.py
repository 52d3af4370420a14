"""The cache on this machine that every project shares: engines, environments, locks."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return `$SLUICE_CACHE`, else `$XDG_CACHE_HOME/sluice`, else `~/.cache/sluice`; it may not exist."""
    if chosen := os.environ.get("SLUICE_CACHE"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "sluice"
