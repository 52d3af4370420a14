"""ARM ids taken apart: which type of thing a path names, and where it lies."""

from __future__ import annotations

from dataclasses import dataclass

ML = "microsoft.machinelearningservices/workspaces"
ENDPOINT = f"{ML}/onlineendpoints"
DEPLOYMENT = f"{ENDPOINT}/deployments"
CONNECTION = f"{ML}/connections"
IDENTITY = "microsoft.managedidentity/userassignedidentities"
ASSIGNMENT = "microsoft.authorization/roleassignments"
COLLECTIONS = ("models", "environments", "codes")
CONTAINERS = frozenset(f"{ML}/{name}" for name in COLLECTIONS)
VERSIONS = frozenset(f"{ML}/{name}/versions" for name in COLLECTIONS)


@dataclass(frozen=True)
class Target:
    """What a path names: a thing (`name` is set), a collection, or an action on a thing (the last part)."""

    id: str
    type: str
    name: str = ""

    @property
    def parent(self) -> str:
        """The id of what it lies in."""
        return self.id.rpartition("/")[0].rpartition("/")[0]

    @property
    def key(self) -> str:
        """What ARM compares ids by."""
        return self.id.lower()


def target(path: str) -> Target:
    """Return what a path names: an even number of parts after the provider is a thing, else a collection or action."""
    path = "/" + path.strip("/")
    before, found, _ = path.lower().rpartition("/providers/")
    if not found:
        return Target(path, "resourcegroup" if len(path.split("/")) == 5 else "subscription")
    parts = path[len(before) + len(found) :].split("/")
    named = parts[1:]
    type_ = "/".join([parts[0], *named[::2]]).lower()
    return Target(path, type_, named[-1] if len(named) % 2 == 0 else "")


def scope_of(assignment: Target) -> str:
    """Return the id that a role assignment is for."""
    return assignment.id.lower().rpartition("/providers/")[0]
