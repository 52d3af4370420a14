"""What an update leaves waiting: rollouts that are paused, bake, or lead to what was given up before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluice.report import note

if TYPE_CHECKING:
    from sluice.targets.local.target import LocalTarget


def status_of_rollouts(target: LocalTarget, began: float) -> int:
    """Tell of each endpoint whose goal is not reached since its rollout waits; return the exit status: 3, or 0.

    `began` is when the update did, in seconds since 1970.
    """
    from sluice.targets.local.state import endpoints_of

    names = [one.name for one in endpoints_of(target.paths) if target.paths.rollout(one.name).exists()]
    waiting = [text for name in names if (text := _waits(target, name, began))]
    for text in waiting:
        note(text, "yellow")
    return 3 if waiting else 0


def _waits(target: LocalTarget, endpoint: str, began: float) -> str | None:
    from sluice.rollout.control import is_open
    from sluice.rollout.local import folder_of
    from sluice.rollout.progress import progress_line
    from sluice.rollout.release import left_alone_since

    folder = folder_of(target, endpoint)
    state = folder.shown() if is_open(folder) else None
    if state is None:
        return left_alone_since(folder, began)
    return f"{endpoint}: {state.phase}, {progress_line(state)}; see it: sluice rollout status --endpoint {endpoint}"
