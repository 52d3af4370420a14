"""Registers a plan's graph with Pulumi: each resource after what it needs, grouped by endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import pulumi

from sluice.plan.graph import Graph, Resource
from sluice_infra.components.endpoint import OnlineEndpoint
from sluice_infra.components.resources import OUTPUTS, SluiceResource, resolved, secret, secrets_in

if TYPE_CHECKING:
    # What builds images is there for stacks that have some: the others need not wait for it.
    from sluice_infra.components.image import Image, ImageBuilds

    Made: TypeAlias = SluiceResource | Image


def build(graph: Graph, images: ImageBuilds | None = None) -> Mapping[str, Any]:
    """Register every resource and return the stack's outputs: per endpoint its url.

    `images` has what the graph's resources of type `Image` are built from.
    Raises SecretMissing, Unsupported for a secret that can't be read, before anything is registered.
    """
    build_secrets = [one.value for plan in images.plans.values() for one in plan.secrets] if images else []
    for reference in secrets_in([*(planned.properties for planned in graph.resources), *build_secrets]):
        secret(reference)
    groups = {group: OnlineEndpoint(group) for group in dict.fromkeys(r.group for r in graph.resources) if group}
    made: dict[str, Made] = {}
    for planned in graph.resources:
        made[planned.key] = _register(planned, groups, made, images)
    endpoints = graph.of("Endpoint")
    return {"endpoints": {planned.name: {"url": made[planned.key].output("url")} for planned in endpoints}}


def _register(
    planned: Resource, groups: Mapping[str, OnlineEndpoint], made: Mapping[str, Made], images: ImageBuilds | None
) -> Made:
    options = pulumi.ResourceOptions(
        parent=groups[planned.group] if planned.group else None,
        depends_on=[made[key] for key in planned.needs],
    )
    if planned.type == "Image" and images:
        return images.register(planned.name, options)
    properties = resolved(planned.properties, made)
    return SluiceResource(planned, properties, OUTPUTS.get(planned.type, ()), options)
