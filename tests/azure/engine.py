"""What Pulumi's engine does with a graph, in small: makes, changes and removes, in order, with outputs filled in.

As `refresh: always` and `ignore_changes` do it, an endpoint that changes is written with the weights that are live.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Any

from sluice.plan.graph import Graph, Output, Resource
from sluice.spec.terms import SecretReference
from sluice.targets.azure.arm import ArmClient
from sluice.targets.azure.router import AzureRouter
from sluice.traffic.router import Routing


@dataclass
class Engine:
    """Applies graphs. `state` has the properties of what exists, by key, in the order it was made in."""

    arm: ArmClient
    state: dict[str, Resource] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)

    def up(self, graph: Graph) -> list[str]:
        """Make what is planned so; return what was done, in order."""
        done: list[str] = []
        for planned in graph.resources:
            if self.state.get(planned.key) != planned:
                self._apply(planned)
                done.append(planned.key)
            self.state[planned.key] = planned
        planned_keys = {planned.key for planned in graph.resources}
        return done + [self._remove(key) for key in self._last_first() if key not in planned_keys]

    def down(self) -> list[str]:
        """Remove everything, last first."""
        return self.up(Graph())

    def _last_first(self) -> list[str]:
        needs = {key: [need for need in one.needs if need in self.state] for key, one in self.state.items()}
        return [*TopologicalSorter(needs).static_order()][::-1]

    def _apply(self, planned: Resource) -> None:
        properties: Any = self._resolved(planned.properties)
        if planned.type == "Upload":
            self.outputs[planned.key] = {"url": f"https://blobs.blob.core.windows.net/c/{properties['place']}"}
        elif planned.type == "Traffic":
            if properties["weights"] is not None:
                AzureRouter(self.arm, properties["id"]).set(Routing(properties["weights"], properties["mirror"]))
        elif properties.get("existing"):
            self.outputs[planned.key] = self.arm.get(properties["id"])
        else:
            self.outputs[planned.key] = self.arm.put(properties["id"], self._with_live(planned, properties))

    def _with_live(self, planned: Resource, properties: Any) -> Any:
        if planned.type != "OnlineEndpoint" or planned.key not in self.state:
            return properties["body"]
        live = self.arm.get(properties["id"])["properties"]
        shares = {name: live[name] for name in ("traffic", "mirrorTraffic")}
        return {**properties["body"], "properties": {**properties["body"]["properties"], **shares}}

    def _remove(self, key: str) -> str:
        gone = self.state.pop(key)
        if gone.type == "Traffic":
            AzureRouter(self.arm, str(gone.properties["id"])).set(Routing())
        elif "body" in gone.properties and not gone.properties.get("existing"):
            self.arm.delete(str(gone.properties["id"]))
        return f"-{key}"

    def _resolved(self, value: Any) -> Any:
        if isinstance(value, SecretReference):
            return f"the secret {value.name}"
        if isinstance(value, Output):
            found = self.outputs[value.resource]
            for step in value.property.split("."):
                found = found[step] if step in found else found["properties"][step]
            return found
        if isinstance(value, Mapping):
            return {key: self._resolved(child) for key, child in value.items()}
        return [self._resolved(child) for child in value] if isinstance(value, (list, tuple)) else value
