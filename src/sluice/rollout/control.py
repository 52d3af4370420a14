"""Orders to a rollout from any shell: written down for its gatekeeper, or carried out here where there is none."""

from __future__ import annotations

from sluice.rollout.files import Ended, Open
from sluice.rollout.models import Command
from sluice.targets.local.target import LocalTarget


def give(target: LocalTarget, endpoint: str, command: Command, who: str, wait_s: float = 30.0) -> Open:
    """Give an order and return the walk once it was carried out.

    Raises NotFound where no rollout is open, Busy when nobody carried it out within `wait_s` seconds.
    """
    raise NotImplementedError


def retry(target: LocalTarget, endpoint: str) -> Ended:
    """Forget that the last walk was rolled back, so that the next `up` tries its goal again; return that walk.

    Raises NotFound where the last walk ended well, or none did.
    """
    raise NotImplementedError


def rollback(target: LocalTarget, endpoint: str, who: str) -> Open | Ended:
    """Give the endpoint its last good weights, now: abort an open walk, or go back to what the last one came from.

    Raises NotFound where nothing is known to go back to, TrafficRefused when that runs no more.
    """
    raise NotImplementedError
