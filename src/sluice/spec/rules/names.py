"""Keys as other tools write them (Kubernetes, Azure's ARM, older loaders), told with ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import dotted, error_at
from sluice.spec.nodes import ListNode, MapNode, Node, Step
from sluice.spec.schema import Place, child

# What is too far from the right key for a misspelling; only where that key may stand and does not yet.
_MEANT: Mapping[str, tuple[str, ...]] = {
    "periodSeconds": ("period",),
    "initialDelaySeconds": ("initial_delay",),
    "timeoutSeconds": ("timeout",),
    "replicas": ("instance_count",),
    "count": ("instance_count",),
    "capacity": ("instance_count",),
    "vm_size": ("instance_type",),
    "vmSize": ("instance_type",),
    "sku": ("instance_type",),
    "size": ("instance_type",),
    "endpoint": ("endpoint_name",),
    "env": ("environment_variables",),
    "env_vars": ("environment_variables",),
    "variables": ("environment_variables",),
    "enable_app_insights": ("app_insights_enabled",),
    "application_insights": ("app_insights_enabled",),
    "entry_script": ("scoring_script",),
    "score_script": ("scoring_script",),
    "script": ("scoring_script",),
    "source_directory": ("code",),
    "local_path": ("path",),
    "model_path": ("path",),
    "modelUri": ("path",),
    "docker_image": ("image",),
    "docker": ("build", "image"),
    "conda": ("conda_file",),
    "dependencies": ("conda_file",),
    "dockerfile": ("dockerfile_path",),
    "context": ("path",),
    "auth": ("auth_mode",),
    "authentication": ("auth_mode",),
    "weights": ("traffic",),
    "mirror": ("mirror_traffic",),
    "target": ("compute",),
    "labels": ("tags",),
    "max_concurrent_requests": ("max_concurrent_requests_per_instance",),
    "concurrency": ("max_concurrent_requests_per_instance",),
}


@dataclass(frozen=True)
class ForeignKey:
    """An unknown key that another tool gives to a known one, and the dotted paths of what it may mean."""

    finding: Diagnostic
    meant: tuple[str, ...]


def foreign_keys(node: Node, place: Place, above: tuple[Step, ...] = ()) -> Iterator[ForeignKey]:
    """Yield every unknown key in `node` (at the path `above`) that another tool gives to a known one."""
    if isinstance(node, ListNode):
        for index, item in enumerate(node.items):
            yield from foreign_keys(item, child(place, index, item), (*above, index))
    if not isinstance(node, MapNode):
        return
    for key, entry in node.entries.items():
        if key in place.keys or place.schema.get("additionalProperties") is not False:
            yield from foreign_keys(entry.node, child(place, key, entry.node), (*above, key))
        elif meant := [name for name in _MEANT.get(key, ()) if name in place.keys and name not in node.entries]:
            parent = f" in `{dotted(above)}`" if above else ""
            remedy = f"Its name here is {' or '.join(f'`{name}`' for name in meant)}."
            finding = error_at(entry.key_at, f"unknown key `{key}`{parent}", remedy, "unknown-key")
            yield ForeignKey(finding, tuple(dotted((*above, name)) for name in meant))
