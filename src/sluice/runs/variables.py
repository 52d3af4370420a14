"""Environment variables from a .env file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from sluice.errors import SpecFileError
from sluice.spec.frozen import frozen_map

_LINE = re.compile(r"\s*(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?P<value>.*?)\s*$")


def file_variables(file: Path) -> Mapping[str, str]:
    """Return the variables of a .env file. Raises SpecFileError; never with a value in its message."""
    try:
        content = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise SpecFileError(f"{file}: the variables can't be read", remedy="Correct `environment_variables`.") from None
    return frozen_map(parsed(content, file.name))


def parsed(content: str, name: str) -> dict[str, str]:
    """Return the variables of a .env text: `NAME=value` lines, comments, quotes. Raises SpecFileError."""
    found = {}
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        parts = _LINE.fullmatch(line)
        if parts is None:
            raise SpecFileError(f"{name}: line {number} is no `NAME=value`", remedy="Correct it, or put a # before it.")
        found[parts["name"]] = _unquoted(parts["value"])
    return found


def _unquoted(value: str) -> str:
    for quote in ("'", '"'):
        if value.startswith(quote) and (end := value.find(quote, 1)) > 0:
            return value[1:end]
    return value.partition(" #")[0].rstrip()
