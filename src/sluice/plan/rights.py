"""What roles allow on Azure: actions with wildcards, and scopes that reach downwards. Pure.

Source: "Understand Azure role definitions": what a role allows is `actions` without `notActions`, for data likewise;
an assignment at a scope holds for all that lies in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sluice.spec.frozen import frozen_map


@dataclass(frozen=True)
class Permission:
    """One entry of a role's permissions: patterns of actions, in any case."""

    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()
    not_data_actions: tuple[str, ...] = ()

    def allows(self, action: str, *, data: bool = False) -> bool:
        """Tell whether an action is allowed; `data`: it is one on data, such as reading a blob."""
        given, taken = (self.data_actions, self.not_data_actions) if data else (self.actions, self.not_actions)
        return _matches(action, given) and not _matches(action, taken)


@dataclass(frozen=True)
class Grant:
    """A role that somebody holds: its GUID, at which scope, and what it allows."""

    role: str
    scope: str
    permissions: tuple[Permission, ...] = ()

    def reaches(self, scope: str) -> bool:
        """Tell whether it holds for a scope: its own, or one that lies in it."""
        mine, other = self.scope.rstrip("/").lower(), scope.rstrip("/").lower()
        return other == mine or other.startswith(mine + "/")


@dataclass(frozen=True)
class Rights:
    """What somebody must be able to do. `policies`: what a vault's access policy must give, by kind of secret."""

    actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()
    policies: Mapping[str, tuple[str, ...]] = field(default_factory=frozen_map)


def lacking(rights: Rights, permissions: Iterable[Permission]) -> tuple[str, ...]:
    """Return the actions that none of the permissions allows."""
    held = tuple(permissions)
    plain = (one for one in rights.actions if not any(own.allows(one) for own in held))
    data = (one for one in rights.data_actions if not any(own.allows(one, data=True) for own in held))
    return (*plain, *data)


def permission_of(body: Mapping[str, Any]) -> Permission:
    """Return one entry of ARM's `permissions`."""
    keys = ("actions", "notActions", "dataActions", "notDataActions")
    return Permission(*(tuple(body.get(key) or ()) for key in keys))


def _matches(action: str, patterns: Iterable[str]) -> bool:
    return any(_pattern(one).fullmatch(action) for one in patterns)


@cache
def _pattern(written: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, written.split("*"))), re.IGNORECASE)
