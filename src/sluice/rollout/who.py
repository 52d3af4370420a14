"""Who gives an order: for the log of a rollout."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Mapping


def who(environment: Mapping[str, str]) -> str:
    """Return `name@host`, or in a pipeline who started it (GitHub Actions, Azure Pipelines)."""
    actor = environment.get("GITHUB_ACTOR") or environment.get("BUILD_REQUESTEDFOR")
    return actor or f"{_user(environment)}@{socket.gethostname()}"


def _user(environment: Mapping[str, str]) -> str:
    try:
        return environment.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as in some containers
        return "unknown"
