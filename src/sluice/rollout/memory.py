"""What is remembered of versions that were released before. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from sluice.rollout.files import Ended
from sluice.rollout.models import Phase


def given_up(history: Sequence[Ended], version: str) -> Ended | None:
    """Return the walk that last led to this version, where it was given up and not forgiven since."""
    tried = [one for one in history if one.version == version]
    last = tried[-1] if tried else None
    return last if last and last.phase is not Phase.DONE and not last.forgiven else None


def seen_good(history: Sequence[Ended], version: str, since: float) -> bool:
    """Tell whether this version served all of the traffic after `since` (seconds since 1970).

    It did at the good end of a walk that led to it, and while one that began with it lasted. One that was given up
    after that is not good any more.
    """
    if given_up(history, version):
        return False
    reached = any(one.version == version and one.phase is Phase.DONE and one.ended >= since for one in history)
    return reached or any(one.stable_version == version and one.began >= since for one in history)
