"""Where a stack lives on Azure, and the names of things there: ARM ids, names that follow from what they name. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid5

from sluice.spec.frozen import frozen_map

Tree = Mapping[str, Any]
"""A specification, or a part of one, as plain values: what its file and its overlays say, read as the schema asks."""

PROVIDER: Final = "Microsoft.MachineLearningServices"
DATASTORE: Final = "workspaceblobstore"
"""The datastore every workspace has from its start."""

_NAMES: Final = UUID("6f0c5d43-52b8-4f0a-9a7e-0a6a1d2c9e11")


@dataclass(frozen=True)
class Site:
    """A workspace and what is known of it.

    Attributes:
        registry: ARM id of the workspace's container registry; None where it has none yet.
        storage: ARM id of its storage account.
        identities: names of the user-assigned identities that the stack makes itself.
        granted: names that assignments of the stack would have whose like somebody else has made already: Azure has
            one assignment of a role to an identity at a scope.
        labels: what references by label (`azureml:chat@latest`) stand for now: ARM ids.
        images: names of the images that are built, by `endpoint/deployment`.
    """

    subscription: str
    resource_group: str
    workspace: str
    location: str
    registry: str | None = None
    storage: str | None = None
    identities: frozenset[str] = frozenset()
    granted: frozenset[str] = frozenset()
    labels: Mapping[str, str] = field(default_factory=frozen_map)
    images: Mapping[str, str] = field(default_factory=frozen_map)

    @property
    def group_id(self) -> str:
        """Return the resource group's ARM id."""
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"

    @property
    def id(self) -> str:
        """Return the workspace's ARM id."""
        return f"{self.group_id}/providers/{PROVIDER}/workspaces/{self.workspace}"

    def within(self, *parts: str) -> str:
        """Return the ARM id of what lies in the workspace: `within("onlineEndpoints", "chat")`."""
        return "/".join((self.id, *parts))

    def identity_id(self, name: str) -> str:
        """Return the ARM id of a user-assigned identity of the resource group."""
        return f"{self.group_id}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}"

    def datastore_uri(self, path: str, datastore: str = DATASTORE) -> str:
        """Return the address of a path in a datastore, in the form that Azure's own tools write."""
        place = f"subscriptions/{self.subscription}/resourcegroups/{self.resource_group}/workspaces/{self.workspace}"
        return f"azureml://{place}/datastores/{datastore}/paths/{path}"


@dataclass(frozen=True)
class Written:
    """What the files of a stack say beyond what frozen models hold.

    Attributes:
        trees: specifications by kind and key: `("deployment", "chat", "blue")`, `("model", "chat", "1")`.
        conda: contents of conda files, by path.
        contexts: SHA-256 of Docker build contexts, by path.
    """

    trees: Mapping[tuple[str, ...], Tree] = field(default_factory=frozen_map, repr=False)  # with secrets as written
    conda: Mapping[Path, Any] = field(default_factory=frozen_map)
    contexts: Mapping[Path, str] = field(default_factory=frozen_map)

    def tree(self, kind: str, *key: str) -> Tree:
        """Return a specification; an empty one where no file has it."""
        return self.trees.get((kind, *key), {})


def name_of(*parts: str) -> str:
    """Return the GUID that names what `parts` say: the same on every machine, whatever the case of ARM ids."""
    return str(uuid5(_NAMES, "\n".join(part.lower() for part in parts)))


def same_id(one: str, other: str) -> bool:
    """Tell whether two ARM ids name the same: ARM compares without case."""
    return one.strip("/").lower() == other.strip("/").lower()
