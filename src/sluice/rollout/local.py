"""Rollouts on this machine: the endpoint as the gatekeeper's world, and the gatekeeper under the supervisor."""

from __future__ import annotations

from sluice.rollout.files import RolloutFolder
from sluice.targets.local.target import LocalTarget


def folder_of(target: LocalTarget, endpoint: str) -> RolloutFolder:
    """Return where an endpoint's rollouts are kept."""
    return RolloutFolder(target.paths.endpoint(endpoint).with_name(f"{endpoint}.rollout"))
