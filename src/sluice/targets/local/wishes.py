"""What each deployment was brought up from, kept beside its endpoint: so that replicas can be added to it later.

A file a deployment and revision, mode 600, for it holds what the replicas were given: secret variables, connections.
The file of a revision is there before the revision serves, so what serves can always be added to.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sluice.errors import NotFound
from sluice.plan.runtimes import Routes, Runtime
from sluice.plan.servers import ServerKind
from sluice.spec.models import Probe
from sluice.targets.local.files import read_json, write_json
from sluice.targets.local.paths import StackPaths
from sluice.targets.local.state import plain
from sluice.targets.local.wish import Wish


class Kept(NamedTuple):
    """A wish, and the connections as its replicas got them: a later change of theirs is another revision."""

    wish: Wish
    credentials: Mapping[str, Any]


def keep(paths: StackPaths, kept: Kept, revision: str) -> None:
    """Write down what a revision is brought up from. Raises StorageFailed."""
    content = {"wish": plain(kept.wish), "credentials": plain(kept.credentials)}
    write_json(_file(paths, kept.wish.endpoint, kept.wish.name, revision), content)


def kept(paths: StackPaths, endpoint: str, name: str, revision: str) -> Kept:
    """Return what a revision was brought up from. Raises NotFound, StorageFailed."""
    record = read_json(_file(paths, endpoint, name, revision))
    if record is None:
        raise NotFound(
            f"deployment {endpoint}/{name}: what it was brought up from is not known here, so none can be added",
            remedy="Bring it up again: change its specification and run sluice up.",
        )
    return Kept(_wish(record["wish"]), record["credentials"])


def forget(paths: StackPaths, endpoint: str, name: str, but: str = "") -> None:
    """Remove what is kept of a deployment, but for the revision `but`."""
    for file in _folder(paths, endpoint).glob(f"{name}.*.json"):
        if file != _file(paths, endpoint, name, but):
            file.unlink(missing_ok=True)


def _folder(paths: StackPaths, endpoint: str) -> Path:
    return paths.endpoint(endpoint) / "wishes"


def _file(paths: StackPaths, endpoint: str, name: str, revision: str) -> Path:
    return _folder(paths, endpoint) / f"{name}.{revision}.json"


def _wish(record: dict[str, Any]) -> Wish:
    values = {
        "server": ServerKind(record["server"]),
        "runtime": Runtime(record["runtime"]),
        "routes": Routes(**record["routes"]) if record["routes"] else None,
        "liveness": Probe(**record["liveness"]),
        "readiness": Probe(**record["readiness"]),
    }
    return Wish(**{**record, **values})
