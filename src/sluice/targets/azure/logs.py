"""Logs of a deployment's containers: read, followed by asking again, and searched for why it does not start."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sluice.errors import NotFound
from sluice.targets.azure.arm import ArmClient
from sluice.targets.azure.errors import AzureFailed

CONTAINERS: Final[Mapping[str, str]] = {
    "storage-initializer": "StorageInitializer",
    "inference-server": "InferenceServer",
}
"""The two containers of a deployment, in the order they run in: one fetches model and code, one serves."""

MOST_LINES: Final = 5000
_POLL_S: Final = 5.0
_TRACEBACK: Final = "Traceback (most recent call last):"
_TELLING = re.compile(
    r"\b[A-Z]\w*(Error|Exception)\b|\b(error|fatal|critical|panic|killed|oomkilled|denied|no space left)\b",
    re.IGNORECASE,
)
_SHOWN: Final = 300


@dataclass(frozen=True)
class Cause:
    """Why a deployment does not start, as far as its logs tell: the telling line, and the last ones before it."""

    container: str
    line: str
    lines: tuple[str, ...]


def read_logs(arm: ArmClient, deployment_id: str, container: str, tail: int) -> tuple[str, ...]:
    """Return the last lines of a container (a key of CONTAINERS); none where it has not run yet.

    Azure shows those of one instance, and says not which. Raises as ArmClient does.
    """
    asked = {"containerType": CONTAINERS[container], "tail": min(max(tail, 1), MOST_LINES)}
    answer = arm.post(f"{deployment_id}/getLogs", asked) or {}
    return tuple(str(answer.get("content") or "").splitlines())


def follow_logs(arm: ArmClient, deployment_id: str, container: str, seen: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield the lines that came since `seen`, then since the last time, for ever; each time after a pause."""
    before = tuple(seen)
    while True:
        arm.clock.wait(_POLL_S)
        now = read_logs(arm, deployment_id, container, MOST_LINES)
        yield appended(before, now)
        before = now


def appended(before: Sequence[str], now: Sequence[str]) -> tuple[str, ...]:
    """Return the lines of `now` that stand behind those of `before`; all where they have nothing in common.

    Both are tails of one log, which may have lost lines at its head or have been begun anew meanwhile.
    """
    if not before:
        return tuple(now)
    for end in range(len(now), 0, -1):
        length = min(end, len(before))
        if list(now[end - length : end]) == list(before[-length:]):
            return tuple(now[end:])
    return tuple(now)


def why_failed(arm: ArmClient, deployment_id: str, tail: int = 200) -> Cause | None:
    """Return why a deployment failed, from the logs of its containers; None where they don't tell.

    What fetches model and code comes first: where that fails, the server never began.
    """
    for container in CONTAINERS:
        try:
            lines = read_logs(arm, deployment_id, container, tail)
        except (AzureFailed, NotFound):
            continue  # a container that never ran has no logs, and Azure answers with an error
        if cause := root_cause(container, lines):
            return cause
    return None


def root_cause(container: str, lines: Sequence[str]) -> Cause | None:
    """Return the line that tells most: what the last traceback ends with, else the last that speaks of an error."""
    at = _end_of_traceback(lines)
    if at is None:
        at = next((index for index in reversed(range(len(lines))) if _TELLING.search(lines[index])), None)
    if at is None:
        return None
    return Cause(container, lines[at].strip()[:_SHOWN], tuple(line[:_SHOWN] for line in lines[max(0, at - 9) : at + 1]))


def _end_of_traceback(lines: Sequence[str]) -> int | None:
    """Return where the last traceback's own message stands: the first line behind it with the indent of its head."""
    heads = [index for index, line in enumerate(lines) if _TRACEBACK in line]
    if not heads:
        return None
    head = heads[-1]
    indent = lines[head].index(_TRACEBACK)
    body = (index for index in range(head + 1, len(lines)) if lines[index][indent:].strip())
    return next((index for index in body if not lines[index][indent:].startswith(" ")), None)
