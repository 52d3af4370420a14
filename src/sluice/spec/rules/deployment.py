"""Rules of a deployment by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sluice.errors import Mark
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import error_at, nearest, warning_at
from sluice.spec.nodes import MapNode, Node, ScalarNode, dig, items, mark_of, text, whole
from sluice.spec.placeholders import holds_placeholder
from sluice.spec.rules import assets
from sluice.spec.rules.endpoint import bare_arm_id, single_hyphens
from sluice.spec.rules.skus import NAMES, family_letters, has_shape, is_small, size_of

DEFAULT_QUOTA_OF_INSTANCES = 50
_NAMES_TOGETHER = 62  # the least, 6, follows from the 3 characters that each name has at least
_UNITS = {
    "": 1, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60,
}  # fmt: skip
REGISTRY = "azureml://registries/"
_GPU = ("nvidia.com/gpu", "gpu")


def is_kubernetes(node: Node) -> bool:
    """Tell whether the deployment is for a Kubernetes endpoint."""
    return text(node, "type") == "kubernetes"


def instance_type(node: Node) -> Iterator[Diagnostic]:
    """A managed deployment names its VM size: one that can be none is an error, one unlisted or small a warning."""
    if is_kubernetes(node):
        return
    size, at = text(node, "instance_type"), mark_of(node, "instance_type")
    if dig(node, "instance_type") is None:
        remedy = "Name a VM size, for example Standard_DS3_v2."
        yield error_at(at, "`instance_type` is missing; a managed deployment needs it", remedy, "required")
    elif size and holds_placeholder(size):
        message = f"`instance_type` holds a placeholder: `{size}`"
        yield warning_at(at, message, "Put a VM size in its place, for example Standard_DS3_v2.", "placeholder")
    elif size and size_of(size) is None:
        yield _unlisted(size, at)
    elif size and is_small(size):
        cores = _cores(size)
        message = f"`{size}` has {cores}; Azure's documents say it may be too small to serve from"
        yield warning_at(at, message, "Standard_DS3_v2 (4 cores) or larger is safe.", "small-size")


def _cores(size: str) -> str:
    found = size_of(size)
    return f"{found.cores} core{'s' if found.cores > 1 else ''}" if found else "few cores"


def _unlisted(size: str, at: Mark) -> Diagnostic:
    if not has_shape(size):
        message = f"`instance_type` is no VM size: `{size}` names no number of cores"
        return error_at(at, message, "Name a VM size, for example Standard_DS3_v2.", "instance-type")
    full = size if size.lower().startswith(("standard_", "basic_")) else f"Standard_{size}"
    meant = nearest(full, [name for name in NAMES if family_letters(name) == family_letters(full)])
    remedy = f"Did you mean `{meant}`?" if meant else ""
    return warning_at(at, f"`{size}` is not on Azure's list of sizes for managed endpoints", remedy, "instance-type")


def instance_count(node: Node) -> Iterator[Diagnostic]:
    """The number of replicas is written down, and is not over Azure's default limit."""
    count, at = whole(node, "instance_count"), mark_of(node, "instance_count")
    if dig(node, "instance_count") is None and text(node, "scale_settings", "type") in {None, "default"}:
        yield warning_at(at, "`instance_count` is missing; 1 is taken", "Write it down.", "instance-count")
    elif count and count > DEFAULT_QUOTA_OF_INSTANCES and not is_kubernetes(node):
        message = f"`instance_count` is {count}; Azure allows {DEFAULT_QUOTA_OF_INSTANCES} unless the quota was raised"
        yield warning_at(at, message, "Ask for the quota first.", "instance-count")


def name_lengths(node: Node) -> Iterator[Diagnostic]:
    """On Kubernetes the names of endpoint and deployment have 6 to 62 characters together."""
    length = len(text(node, "name") or "") + len(text(node, "endpoint_name") or "")
    if is_kubernetes(node) and length > _NAMES_TOGETHER:
        message = f"`endpoint_name` and `name` have {length} characters together; Kubernetes allows {_NAMES_TOGETHER}"
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
        same = _GPU if key in _GPU else (key,)
        limit = next((found for name in same if (found := text(node, "resources", "limits", name))), None)
        asked = text(entry.node)
        if asked and limit and quantity(asked) > quantity(limit):
            message = f"`resources.requests.{key}` ({asked}) is over its limit ({limit})"
            yield error_at(entry.node.at, message, "Raise the limit or ask for less.", "resources")


def quantity(text_: str) -> float:
    """Return a Kubernetes quantity (`500m`, `2Gi`, `1e3`) as a number; 0 for what is none."""
    found = re.fullmatch(r"([0-9.]+(?:[eE][+-]?[0-9]+)?)([A-Za-z]*)", text_)
    return float(found[1]) * _UNITS.get(found[2], 1) if found else 0.0


def references(node: Node) -> Iterator[Diagnostic]:
    """Kubernetes deployments can't use assets of a registry; an ARM id has `azureml:` before it."""
    for key in ("model", "environment"):
        written = text(node, key)
        if written and is_kubernetes(node) and written.startswith(REGISTRY):
            message = f"`{key}` is in a registry, which Kubernetes deployments can't use"
            yield error_at(mark_of(node, key), message, "Register it in the workspace.", "kubernetes")
        elif written and written.startswith("/subscriptions/"):
            yield bare_arm_id(key, written, mark_of(node, key))


def parts(node: Node) -> Iterator[Diagnostic]:
    """A deployment has a model, or a container that brings its own; and something to run in."""
    inline = dig(node, "environment")
    if isinstance(inline, MapNode):
        yield from assets.one_source(inline)
    if dig(node, "model") is not None:
        return
    remedy = "Only a container that brings its own model does without `model`; it needs `environment`."
    if inline is None:
        yield warning_at(node.at, "neither `model` nor `environment` is given", remedy, "no-model")
    elif isinstance(inline, MapNode) and dig(inline, "inference_config") is None:
        message = "`model` is missing, and `environment` is no container with routes of its own (`inference_config`)"
        yield warning_at(node.at, message, remedy, "no-model")


def type_spelling(node: Node) -> Iterator[Diagnostic]:
    """Azure's loader takes only the exact word `kubernetes` for a Kubernetes deployment."""
    found = dig(node, "type")
    if isinstance(found, ScalarNode) and found.value == "kubernetes" and found.written != "kubernetes":
        message = f"`type` is `{found.written}`: Azure's loader makes a managed deployment of all but `kubernetes`"
        yield warning_at(found.at, message, "Write `type: kubernetes`.", "kubernetes-spelling")


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
    type_spelling,
)
