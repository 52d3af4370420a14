"""What the Pulumi engine is made of: its pinned versions, and what a usable one looks like."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

EngineSource = Literal["PATH", "official release", "built from Go modules"]
Progress = Callable[[str], None]

COMMAND = "pulumi"
LANGUAGE_HOST = "pulumi-language-python"


@dataclass(frozen=True)
class Engine:
    """An engine that can be started.

    Attributes:
        command: The `pulumi` executable, absolute.
        bin: The folder it stands in; what comes first on PATH when it is started.
        version: Without the leading v, as `3.259.0`.
        source: Where it came from.
        language_host: `pulumi-language-python`; None where there is none (only `pulumi` by hand needs it).
    """

    command: Path
    bin: Path
    version: str
    source: EngineSource
    language_host: Path | None


@dataclass(frozen=True)
class Versions:
    """The pins of versions.toml: for the engine and each tool the oldest that will do, and what is installed."""

    minimum: str
    engine: str
    language_host: str
    docker_build: str
    azure_native: str
    buildkit_minimum: str
    buildkit: str
    registry_minimum: str
    registry: str


def pinned_versions() -> Versions:
    """The pins this release of Sluice was tested with."""
    import tomllib

    text = (Path(__file__).parent / "versions.toml").read_text(encoding="utf-8")
    return Versions(**tomllib.loads(text))


def version_tuple(text: str) -> tuple[int, int, int] | None:
    """`v3.259.0-alpha.1+dirty` is (3, 259, 0); None when the text holds no version."""
    found = re.match(r"v?(\d+)\.(\d+)\.(\d+)", text.strip())
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def usable(version: str, minimum: str) -> bool:
    """Whether an engine of this version will do: at least the minimum, and of its major version.

    Pulumi's Python SDK refuses an engine of another major version.
    """
    have, need = version_tuple(version), version_tuple(minimum)
    return have is not None and need is not None and have[0] == need[0] and have >= need
