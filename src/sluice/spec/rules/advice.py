"""Advice about a stack: what works, but costs, loses or surprises. Each says its reason and its number. Pure.

What only Azure has (sizes, quota, workers against cores, Application Insights, networks) is said of a stack whose
target is Azure, and of a file by itself, whose target nobody knows. A stack on this machine is told instead which
keys do nothing here. Quota is compared on any target once it is given, and production is taken at its word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sluice.spec.build import build_deployment
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import note_at, warning_at
from sluice.spec.models import Deployment, Model, SpecSet, where
from sluice.spec.nodes import MapNode, Node, map_node
from sluice.spec.references import written_here
from sluice.spec.rules import rollout_across
from sluice.spec.rules.advice_quota import quota_advice
from sluice.spec.rules.advice_workers import thread_advice, worker_advice
from sluice.spec.rules.variables import CONFIG_OVERRIDE

if TYPE_CHECKING:
    from sluice.spec.settings import StackSettings

INSIGHTS_VARIABLE = "APPLICATIONINSIGHTS_CONNECTION_STRING"
_HIGH_AVAILABILITY = 3
_RUNTIME_PROPERTY = "sluice.runtime"


def advice(specs: SpecSet, settings: StackSettings, quota: Mapping[str, int] | None = None) -> tuple[Diagnostic, ...]:
    """Return the advice for a checked stack, in the order of files and lines.

    Args:
        specs: the stack's specifications.
        settings: target, production and latencies.
        quota: cores by VM family, as `advice_quota.read_quota` returns them; None where nobody said.
    """
    azure = settings.target == "azure"
    found: list[Diagnostic] = []
    for deployment in specs.deployments:
        model = written_here(deployment.model, specs.models)
        latency = settings.latency.get(deployment.endpoint_name)
        found += thread_advice(deployment)
        found += _on_azure(deployment, model, latency) if azure else _on_this_machine(deployment, settings.runtime)
        found += _available(deployment) if settings.production else ()
    if azure:
        found += [*_linked_insights(specs), *_private_endpoints(specs)]
    if settings.production:
        found += rollout_across.advice(specs)
    if azure or quota is not None:
        found += quota_advice(specs.deployments, quota or {})
    return tuple(sorted(found, key=lambda finding: (finding.at, finding.message)))


def of_file(node: Node, root: Path) -> Iterator[Diagnostic]:
    """Yield the advice for a deployment's file by itself."""
    if not isinstance(node, MapNode):
        return
    # The environment says nothing here, and reading it would open its files.
    entries = {key: entry for key, entry in node.entries.items() if key != "environment"}
    deployment = build_deployment(map_node(node.at, entries), root)
    model = deployment.model if isinstance(deployment.model, Model) else None
    yield from thread_advice(deployment)
    yield from worker_advice(deployment, model, None)
    yield from insights(deployment)
    yield from isolation(deployment)


def _on_azure(deployment: Deployment, model: Model | None, latency: int | None) -> Iterator[Diagnostic]:
    yield from worker_advice(deployment, model, latency)
    yield from insights(deployment)
    yield from isolation(deployment)
    yield from _connections_found(deployment, model)


def insights(deployment: Deployment) -> Iterator[Diagnostic]:
    """Application Insights is set once (deploy document, "tracing data and system metrics")."""
    if deployment.app_insights_enabled and INSIGHTS_VARIABLE in deployment.environment_variables:
        message = (
            f"`app_insights_enabled` and `{INSIGHTS_VARIABLE}` are both set: all goes to the workspace's instance,"
            " and the variable does nothing"
        )
        remedy = "Keep only the variable to use an instance of your own."
        yield warning_at(where(deployment, "app_insights_enabled"), message, remedy, "insights-twice")


def isolation(deployment: Deployment) -> Iterator[Diagnostic]:
    """Managed endpoints know one kind of network: the workspace's managed one (deploy document, prerequisites)."""
    if deployment.type != "kubernetes" and deployment.egress_public_network_access == "disabled":
        message = (
            "`egress_public_network_access: disabled` isolates by the old means; managed endpoints work with a managed"
            " virtual network of the workspace only, not with one of your own"
        )
        remedy = "Isolate the workspace by `managed_network`; with a network of your own use a Kubernetes endpoint."
        yield warning_at(where(deployment, "egress_public_network_access"), message, remedy, "managed-network")


def _connections_found(deployment: Deployment, model: Model | None) -> Iterator[Diagnostic]:
    flow = model.content.flow if model and model.content else None
    if flow and flow.connections and CONFIG_OVERRIDE not in deployment.environment_variables:
        names = ", ".join(dict.fromkeys(use.name for use in flow.connections))
        message = f"the flow reads the connections {names}; its server finds the workspace by `{CONFIG_OVERRIDE}` only"
        remedy = "Add it to `environment_variables`, with the parts of the workspace."
        yield warning_at(where(deployment, "environment_variables"), message, remedy, "config-override")


def _linked_insights(specs: SpecSet) -> Iterator[Diagnostic]:
    """Say once that nothing is collected without a linked instance: whether there is one can't be seen offline."""
    using = [one for one in specs.deployments if one.app_insights_enabled]
    for deployment in using[:1]:
        message = (
            f"`app_insights_enabled` is set in {len(using)} deployment{'s' if len(using) > 1 else ''}; where the"
            " workspace has no linked Application Insights, nothing is collected, and no error says so"
        )
        yield note_at(where(deployment, "app_insights_enabled"), message, "", "insights-unlinked")


def _private_endpoints(specs: SpecSet) -> Iterator[Diagnostic]:
    for endpoint in specs.endpoints.values():
        if endpoint.public_network_access == "disabled" and not endpoint.compute:
            message = (
                "`public_network_access: disabled` needs a private endpoint of the workspace; managed endpoints work"
                " with its managed virtual network only"
            )
            yield note_at(where(endpoint, "public_network_access"), message, "", "managed-network")


def _available(deployment: Deployment) -> Iterator[Diagnostic]:
    """Three instances or more in a production stack (deploy document, "instance count")."""
    scaled = deployment.scale_settings.type != "default"
    key = "scale_settings.min_instances" if scaled else "instance_count"
    count = (deployment.scale_settings.min_instances or 1) if scaled else deployment.instance_count
    if count < _HIGH_AVAILABILITY:
        message = (
            f"`{key}` of `{deployment.name}` is {count} in a stack marked production; high availability takes at least"
            f" {_HIGH_AVAILABILITY}"
        )
        yield warning_at(where(deployment, key), message, f"Set it to {_HIGH_AVAILABILITY}.", "high-availability")


def _on_this_machine(deployment: Deployment, runtime: str) -> Iterator[Diagnostic]:
    """Keys that are accepted and do nothing on the local target."""
    in_container = deployment.properties.get(_RUNTIME_PROPERTY, runtime) == "docker"
    written = {
        "app_insights_enabled": deployment.app_insights_enabled,
        "data_collector": "data_collector" in deployment.marks,
        "model_mount_path": deployment.model_mount_path is not None and not in_container,
        "request_settings.max_queue_wait_ms": deployment.request_settings.max_queue_wait_ms is not None,
    }
    for key in (key for key, said in written.items() if said):
        remedy = "Leave it where the same file goes to Azure; else remove it."
        yield warning_at(where(deployment, key), f"`{key}` does nothing on this machine", remedy, "no-effect-here")
