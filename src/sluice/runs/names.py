"""Names of runs. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from sluice.errors import UsageError

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,119}")


def default_name(subject: str, variant: tuple[str, str] | None, now: datetime) -> str:
    """Return a name for a run: what is run, its variant, and the time to the microsecond, as prompt flow has it."""
    parts = [subject, *(variant or ()), now.strftime("%Y%m%d_%H%M%S_%f")]
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", "_".join(parts))[-120:].lstrip(".-")


def refuse_bad_name(name: str) -> None:
    """Raise UsageError for a name that can't be a folder's on every machine."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} can't name a run", remedy="Use letters, digits, `-`, `_` and `.`; 120 at most.")


def display_name(written: str, name: str, variant: tuple[str, str] | None, now: datetime) -> str:
    """Return a display name with prompt flow's macros filled in."""
    known = {"run": name, "variant_id": variant[1] if variant else "", "timestamp": now.strftime("%Y%m%d%H%M%S")}
    return re.sub(r"\$\{(run|variant_id|timestamp)\}", lambda found: known[found[1]], written)
