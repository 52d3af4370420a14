"""The doctor's findings as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from sluice.engine.doctor import Part

_WORDS = {"ok": "ok", "missing": "MISSING", "broken": "BROKEN", "optional-missing": "-"}


def healthy(parts: Sequence[Part]) -> bool:
    """Whether nothing is in the way of `sluice up`; what is optional may be missing."""
    return not any(part.state in ("missing", "broken") for part in parts)


def doctor_text(parts: Sequence[Part]) -> str:
    """One line a part, its remedy below it, and a verdict at the end."""
    name_width = max((len(part.name) for part in parts), default=0)
    version_width = max((len(part.version or "") for part in parts), default=0)
    lines: list[str] = []
    for part in parts:
        version = (part.version or "").ljust(version_width)
        lines.append(f"{_WORDS[part.state]:<8} {part.name.ljust(name_width)}  {version}  {part.where}")
        if part.remedy:
            lines.append(f"{'':<8}   {part.remedy}")
    return "\n".join([*lines, "", _verdict(parts)])


def doctor_json(parts: Sequence[Part]) -> str:
    """`{"ok": bool, "parts": [{name, version, where, state, remedy}]}`, indented."""
    return json.dumps({"ok": healthy(parts), "parts": [asdict(part) for part in parts]}, indent=2)


def _verdict(parts: Sequence[Part]) -> str:
    wrong = [part.name for part in parts if part.state in ("missing", "broken")]
    return f"Not ready: {', '.join(wrong)}." if wrong else "Everything that `sluice up` needs is here."
