"""The resource graph as data: what will exist, with which properties, after what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sluice.spec.frozen import frozen_map


@dataclass(frozen=True)
class Output:
    """A property another resource will have once it exists."""

    resource: str
    property: str


@dataclass(frozen=True)
class Resource:
    """One resource. `key` is unique in the graph (`Type:name`); `group` is the endpoint it belongs to.

    Property values are JSON-like trees that may hold SecretReference and Output at any place.
    """

    type: str
    name: str
    properties: Mapping[str, object] = field(default_factory=frozen_map)
    needs: tuple[str, ...] = ()
    group: str | None = None

    @property
    def key(self) -> str:
        """Return the resource's unique key."""
        return f"{self.type}:{self.name}"


@dataclass(frozen=True)
class Graph:
    """Resources in an order in which each stands after all it needs."""

    resources: tuple[Resource, ...] = ()

    def of(self, kind: str) -> tuple[Resource, ...]:
        """Return the resources of one type, in order."""
        return tuple(resource for resource in self.resources if resource.type == kind)
