"""Registers a plan's graph for Azure with Pulumi: ARM resources as `azure-native`'s by token, the rest as ours.

The provider's SDK is not needed: the plan has its inputs (decision 0017).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import pulumi

from sluice.plan.azure_changes import CREATE_ONLY
from sluice.plan.azure_native import NativeResource, native
from sluice.plan.graph import Graph, Output, Resource
from sluice.spec.frozen import frozen_map
from sluice_infra.components.endpoint import OnlineEndpoint
from sluice_infra.components.resources import ReadVault, SluiceResource, resolved, secret, secrets_in

# Our own types, by the plan's: how Pulumi knows them, and what they add to their inputs.
_OURS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "Upload": ("Upload", ("url",)),
    "Traffic": ("AzureTraffic", ()),
}


class NativeProvider(pulumi.ProviderResource):
    """The provider `azure-native`, for one subscription, with the login that Sluice itself uses."""

    def __init__(self, subscription: str, version: str) -> None:
        wanted = {"subscriptionId": subscription, "useDefaultAzureCredential": "true"}
        super().__init__("azure-native", "azure", wanted, pulumi.ResourceOptions(version=version))


class AzureResource(pulumi.CustomResource):
    """A resource of `azure-native`. `outputs` names what others read of it."""

    def __init__(
        self, name: str, told: NativeResource, inputs: Mapping[str, Any], opts: pulumi.ResourceOptions
    ) -> None:
        super().__init__(told.token, name, dict(inputs), opts)

    def output(self, name: str) -> pulumi.Output[Any]:
        """Return an output by its name on the wire."""
        value: pulumi.Output[Any] = getattr(self, name)
        return value


Made: TypeAlias = SluiceResource | AzureResource


@dataclass(frozen=True)
class AzureStack:
    """A graph on its way to Pulumi.

    Attributes:
        graph: what is planned.
        provider: registers what is ARM's.
        read_vault: reads `${keyvault:...}`.
        shared: ids of the assets that are there already, by key: they are taken over, whoever made them.
    """

    graph: Graph
    provider: pulumi.ProviderResource
    read_vault: ReadVault
    shared: Mapping[str, str] = field(default_factory=frozen_map)

    def register(self) -> Mapping[str, Any]:
        """Register every resource and return the stack's outputs: by endpoint its url, and its weights.

        Raises what a secret that can't be read raises, before anything is registered.
        """
        for reference in secrets_in([planned.properties for planned in self.graph.resources]):
            secret(reference, self.read_vault)
        groups = {
            name: OnlineEndpoint(name) for name in dict.fromkeys(one.group for one in self.graph.resources) if name
        }
        asked, made = _outputs_read(self.graph), dict[str, Made]()
        for planned in self.graph.resources:
            options = pulumi.ResourceOptions(
                parent=groups[planned.group] if planned.group else None,
                depends_on=[made[key] for key in planned.needs if key in made],
            )
            made[planned.key] = self._made(planned, asked.get(planned.key, frozenset()), made, options)
        return {"endpoints": {one.name: _told(one.name, made) for one in self.graph.of("OnlineEndpoint")}}

    def _made(
        self, planned: Resource, asked: frozenset[str], made: Mapping[str, Made], options: pulumi.ResourceOptions
    ) -> Made:
        """Register one resource; `asked` names the outputs that others read."""
        told = native(planned)
        if told is None:
            kind, outputs = _OURS[planned.type]
            properties = resolved(planned.properties, made, self.read_vault)
            return SluiceResource(Resource(kind, planned.name), properties, outputs, options)
        inputs = {} if told.read_only else resolved(told.inputs, made, self.read_vault)
        merged = pulumi.ResourceOptions.merge(options, self._options(planned, told))
        return AzureResource(planned.name, told, {**dict.fromkeys(asked), **inputs}, merged)

    def _options(self, planned: Resource, told: NativeResource) -> pulumi.ResourceOptions:
        """Return how changes are handled.

        What was given once, and judged against what is live before anything is registered, is not compared again: the
        service fills in what nobody said, and the provider would delete and make anew for it.
        """
        shared = self.shared.get(planned.key)
        ignored = [*told.ignored, *(_given_once(planned.type) if shared else ())]
        hidden = ["properties"] if any(secrets_in(planned.properties)) else None
        return pulumi.ResourceOptions(
            provider=self.provider,
            ignore_changes=ignored,
            retain_on_delete=told.retained or None,
            additional_secret_outputs=hidden,
            import_=shared,
            id=told.import_id if told.read_only else None,
        )


def _outputs_read(graph: Graph) -> Mapping[str, frozenset[str]]:
    """Return the outputs that others read, at the top of a resource, by its key."""
    found: dict[str, set[str]] = {}
    for output in (output for one in graph.resources for output in _outputs_in(one.properties)):
        found.setdefault(output.resource, set()).add(output.property.partition(".")[0])
    return {key: frozenset(names) for key, names in found.items()}


def _given_once(type_: str) -> tuple[str, ...]:
    """Return what is left as it is of an asset that exists; a container is nobody's alone, all of it is left."""
    return CREATE_ONLY.get(type_, ("properties",))


def _outputs_in(value: Any) -> Iterator[Output]:
    if isinstance(value, Output):
        yield value
    children = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
    for child in children:
        yield from _outputs_in(child)


def _told(endpoint: str, made: Mapping[str, Made]) -> Mapping[str, Any]:
    """Return what a stack tells of an endpoint: where it is asked, and its weights."""
    properties = made[f"OnlineEndpoint:{endpoint}"].output("properties")
    url = properties.apply(lambda found: (found or {}).get("scoringUri"))
    return {"url": url, "weights": made[f"Traffic:{endpoint}"].output("weights")}
