"""Rules of a deployment by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sluice.spec.findings import error_at, nearest, warning_at
from sluice.spec.models import Diagnostic
from sluice.spec.nodes import MapNode, Node, dig, items, mark_of, text, whole
from sluice.spec.references import asset_reference, is_registry_address
from sluice.spec.rules import assets
from sluice.spec.rules.endpoint import single_hyphens
from sluice.spec.rules.skus import NAMES, is_known, is_small

DEFAULT_QUOTA_OF_INSTANCES = 50
_UNITS = {
    "": 1, "m": 1e-3, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40,
}  # fmt: skip


def is_kubernetes(node: Node) -> bool:
    """Tell whether the deployment is for a Kubernetes endpoint."""
    return text(node, "type") == "kubernetes"


def instance_type(node: Node) -> Iterator[Diagnostic]:
    """A managed deployment names its VM size; one that Azure's list lacks, or a small one, is worth a warning."""
    if is_kubernetes(node):
        return
    size = text(node, "instance_type")
    at = mark_of(node, "instance_type")
    if dig(node, "instance_type") is None:
        remedy = "Name a VM size, for example Standard_DS3_v2."
        yield error_at(at, "`instance_type` is missing; a managed deployment needs it", remedy, "required")
    elif size and not is_known(size):
        meant = nearest(size, NAMES)
        remedy = f"Did you mean `{meant}`?" if meant else ""
        yield warning_at(at, f"`{size}` is not on Azure's list of sizes for managed endpoints", remedy, "instance-type")
    elif size and is_small(size):
        message = f"`{size}` may be too small to serve from"
        yield warning_at(at, message, "Standard_DS3_v2 or larger is safe.", "instance-type")


def instance_count(node: Node) -> Iterator[Diagnostic]:
    """The number of replicas is written down, and is not over Azure's default limit."""
    count, at = whole(node, "instance_count"), mark_of(node, "instance_count")
    if dig(node, "instance_count") is None and text(node, "scale_settings", "type") in {None, "default"}:
        yield warning_at(at, "`instance_count` is missing; 1 is taken", "Write it down.", "instance-count")
    elif count and count > DEFAULT_QUOTA_OF_INSTANCES and not is_kubernetes(node):
        message = f"`instance_count` is {count}; Azure allows {DEFAULT_QUOTA_OF_INSTANCES} unless the quota was raised"
        yield warning_at(at, message, "Ask for the quota first.", "instance-count")


def name_lengths(node: Node) -> Iterator[Diagnostic]:
    """On Kubernetes the names of endpoint and deployment have at most 62 characters together."""
    length = len(text(node, "name") or "") + len(text(node, "endpoint_name") or "")
    if is_kubernetes(node) and length > 62:
        message = f"`endpoint_name` and `name` have {length} characters together; Kubernetes allows 62"
        yield error_at(mark_of(node, "name"), message, "Shorten one of them.", "name")


def queue_wait(node: Node) -> Iterator[Diagnostic]:
    """Managed deployments no longer use the queue's limit."""
    if not is_kubernetes(node) and dig(node, "request_settings", "max_queue_wait_ms"):
        at = mark_of(node, "request_settings", "max_queue_wait_ms")
        remedy = "Raise `request_timeout_ms` instead, which includes the time in the queue."
        yield warning_at(at, "`max_queue_wait_ms` is deprecated for managed deployments", remedy, "deprecated")


def scaling(node: Node) -> Iterator[Diagnostic]:
    """Managed deployments scale by Azure Monitor, not by the file; limits are in order."""
    at = mark_of(node, "scale_settings", "type")
    if not is_kubernetes(node) and text(node, "scale_settings", "type") == "target_utilization":
        message = "`scale_settings.type` of a managed deployment must be default, found `target_utilization`"
        yield error_at(at, message, "Use autoscale rules of Azure Monitor, or `type: kubernetes`.", "scaling")
    least, most = whole(node, "scale_settings", "min_instances"), whole(node, "scale_settings", "max_instances")
    if least is not None and most is not None and least > most:
        message = f"`min_instances` ({least}) is over `max_instances` ({most})"
        yield error_at(mark_of(node, "scale_settings", "min_instances"), message, "Swap them.", "scaling")


def kubernetes_only(node: Node) -> Iterator[Diagnostic]:
    """Each form of deployment has keys the other lacks."""
    foreign = ("egress_public_network_access", "private_network_connection") if is_kubernetes(node) else ("resources",)
    for key in foreign:
        if dig(node, key):
            other = "managed" if is_kubernetes(node) else "Kubernetes"
            remedy = "Remove it." if is_kubernetes(node) else "Remove it, or set `type: kubernetes`."
            yield error_at(mark_of(node, key), f"`{key}` is a key of {other} deployments", remedy, "unknown-key")


def resources(node: Node) -> Iterator[Diagnostic]:
    """A replica on Kubernetes is not granted more than it may use."""
    for key, entry in items(node, "resources", "requests"):
        asked, limit = text(entry.node), text(node, "resources", "limits", key)
        if asked and limit and quantity(asked) > quantity(limit):
            message = f"`resources.requests.{key}` ({asked}) is over its limit ({limit})"
            yield error_at(entry.node.at, message, "Raise the limit or ask for less.", "resources")


def quantity(text_: str) -> float:
    """Return a Kubernetes quantity (`500m`, `2Gi`) as a number; 0 for what is none."""
    found = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", text_)
    return float(found[1]) * _UNITS.get(found[2], 1) if found else 0.0


def references(node: Node) -> Iterator[Diagnostic]:
    """Kubernetes deployments can't use assets of a registry."""
    for key in ("model", "environment"):
        written = text(node, key)
        if is_kubernetes(node) and written and is_registry_address(asset_reference(written, node.at)):
            message = f"`{key}` is in a registry, which Kubernetes deployments can't use"
            yield error_at(mark_of(node, key), message, "Register it in the workspace.", "kubernetes")


def parts(node: Node) -> Iterator[Diagnostic]:
    """A deployment has a model, or a container that brings its own; and something to run in."""
    if dig(node, "model") is None and dig(node, "environment") is None:
        remedy = "Only a container that brings its own model does without `model`; it needs `environment`."
        yield warning_at(node.at, "neither `model` nor `environment` is given", remedy, "required")
    inline = dig(node, "environment")
    if isinstance(inline, MapNode):
        yield from assets.one_source(inline)


def private_network(node: Node) -> Iterator[Diagnostic]:
    """The old key for egress is deprecated."""
    if not is_kubernetes(node) and dig(node, "private_network_connection"):
        at = mark_of(node, "private_network_connection")
        yield warning_at(
            at, "`private_network_connection` is deprecated", "Use `egress_public_network_access`.", "deprecated"
        )


RULES = (
    single_hyphens,
    instance_type,
    instance_count,
    name_lengths,
    queue_wait,
    scaling,
    kubernetes_only,
    resources,
    references,
    parts,
    private_network,
)
