"""The engine a user already has: `pulumi` on PATH, asked for its version once."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sluice.engine.parts import COMMAND, LANGUAGE_HOST, Engine, usable
from sluice.engine.processes import answer


def engine_version(command: Path, environ: Mapping[str, str]) -> str | None:
    """What `pulumi version` says, without the leading v; None when it does not run."""
    said = answer([command, "version"], environ={**environ, "PULUMI_SKIP_UPDATE_CHECK": "1"})
    return said.removeprefix("v") if said else None


@dataclass(frozen=True)
class EngineOnPath:
    """Finds `pulumi` on PATH.

    Attributes:
        environ: Where PATH is taken from.
        memo: A file that remembers versions by path, time and size, so that no process is started twice;
            where it can't be written, one is started each time.
        minimum: The oldest version that will do.
    """

    environ: Mapping[str, str]
    memo: Path
    minimum: str

    def find(self) -> Engine | None:
        """The engine on PATH; None when there is none, it does not run, or it is too old."""
        found = shutil.which(COMMAND, path=self.environ.get("PATH", ""))
        if found is None:
            return None
        command = Path(found).absolute()
        version = self._version(command)
        if version is None or not usable(version, self.minimum):
            return None
        return Engine(command, command.parent, version, "PATH", self._language_host(command))

    def _version(self, command: Path) -> str | None:
        key = _fingerprint(command)
        known = _read(self.memo)
        if key in known:
            return known[key]
        version = engine_version(command, self.environ)
        if version is not None:
            _remember(self.memo, {key: version})
        return version

    def _language_host(self, command: Path) -> Path | None:
        """A release brings it beside `pulumi`; a link to `pulumi` may stand elsewhere."""
        folders = [str(command.parent), str(command.resolve().parent), self.environ.get("PATH", "")]
        host = shutil.which(LANGUAGE_HOST, path=os.pathsep.join(folders))
        return Path(host).absolute() if host else None


def _fingerprint(command: Path) -> str:
    seen = command.stat()
    return f"{command}:{seen.st_mtime_ns}:{seen.st_size}"


def _read(memo: Path) -> dict[str, str]:
    try:
        known = json.loads(memo.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(key): str(value) for key, value in known.items()} if isinstance(known, dict) else {}


def _remember(memo: Path, versions: Mapping[str, str]) -> None:
    """Only the engine seen last is remembered: the file never grows."""
    fresh = memo.with_name(f".{memo.name}.{os.getpid()}")
    with suppress(OSError):
        memo.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(json.dumps(versions), encoding="utf-8")
        fresh.replace(memo)
