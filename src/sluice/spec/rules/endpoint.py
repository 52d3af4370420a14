"""Rules of an endpoint by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sluice.errors import Mark
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import error_at, warning_at
from sluice.spec.nodes import ListNode, Node, dig, items, mark_of, text, whole

ENFORCE_ACCESS = "enforce_access_to_default_secret_stores"


def weights(node: Node | None, *path: str) -> Mapping[str, int]:
    """Return the whole numbers of the mapping at `path`: percent by deployment."""
    found = {name: whole(entry.node) for name, entry in items(node, *path)}
    return {name: weight for name, weight in found.items() if weight is not None}


def single_hyphens(node: Node) -> Iterator[Diagnostic]:
    """Azure's quota page allows single hyphens only; its service has taken double ones."""
    for key in ("name", "endpoint_name"):
        if "--" in (text(node, key) or ""):
            message = f"`{key}` holds a double hyphen, which Azure's naming rule does not allow"
            yield warning_at(mark_of(node, key), message, "Use single hyphens.", "name")


def traffic_sum(node: Node) -> Iterator[Diagnostic]:
    """Traffic sums to 100, or to 0 for none."""
    total = sum(weights(node, "traffic").values())
    if total not in {0, 100}:
        message = f"`traffic` must sum to 100 (or 0 for none), found {total}"
        yield error_at(mark_of(node, "traffic"), message, "Change the weights.", "traffic-sum")


def one_mirror(node: Node) -> Iterator[Diagnostic]:
    """Requests are mirrored to one deployment."""
    mirrored = [name for name, weight in weights(node, "mirror_traffic").items() if weight > 0]
    if len(mirrored) > 1:
        message = f"`mirror_traffic` goes to one deployment, found {', '.join(mirrored)}"
        yield error_at(mark_of(node, "mirror_traffic"), message, "Keep one of them.", "mirror")


def live_or_mirrored(node: Node) -> Iterator[Diagnostic]:
    """A deployment gets live or mirrored traffic, not both."""
    live = weights(node, "traffic")
    for name, weight in weights(node, "mirror_traffic").items():
        if weight > 0 and live.get(name, 0) > 0:
            message = f"`{name}` gets live traffic and mirrored traffic; a deployment gets one of them"
            yield error_at(mark_of(node, "mirror_traffic", name), message, "Remove one of the two.", "mirror")


def kubernetes_limits(node: Node) -> Iterator[Diagnostic]:
    """A Kubernetes endpoint has no mirroring and no setting of the public network."""
    if not dig(node, "compute"):
        return
    if any(weights(node, "mirror_traffic").values()):
        message = "`mirror_traffic` is not supported on Kubernetes endpoints"
        yield error_at(mark_of(node, "mirror_traffic"), message, "Remove it, or `compute`.", "kubernetes")
    if dig(node, "public_network_access"):
        message = "`public_network_access` is a setting of managed endpoints; this one has `compute`"
        yield error_at(mark_of(node, "public_network_access"), message, "Remove one of the two.", "kubernetes")


def cluster(node: Node) -> Iterator[Diagnostic]:
    """An ARM id of a cluster has `azureml:` before it."""
    written = text(node, "compute") or ""
    if written.startswith("/subscriptions/"):
        yield bare_arm_id("compute", written, mark_of(node, "compute"))


def bare_arm_id(key: str, written: str, at: Mark) -> Diagnostic:
    """Return what is to be said of an ARM id without `azureml:`: the service takes it, Azure's loader does not."""
    message = f"`{key}` is an ARM id without `azureml:`, which Azure's own loader asks for"
    return warning_at(at, message, f"Write `azureml:{written}`.", "azureml-prefix")


def identity(node: Node) -> Iterator[Diagnostic]:
    """A user-assigned identity is named, and is one; another type of identity names none."""
    listed = dig(node, "identity", "user_assigned_identities")
    if listed is not None and not isinstance(listed, ListNode):
        return
    count = len(listed.items) if listed else 0
    at = mark_of(node, "identity", "user_assigned_identities")
    if text(node, "identity", "type") != "user_assigned":
        if count:
            remedy = "Set `type: user_assigned`, or remove them."
            yield error_at(
                at, "`user_assigned_identities` are used with `type: user_assigned` only", remedy, "identity"
            )
        return
    if count != 1:
        message = f"`identity` of the type user_assigned names one identity, found {count or 'none'}"
        yield error_at(at, message, "List one `resource_id` in `user_assigned_identities`.", "identity")


def enforced_access(node: Node) -> Iterator[Diagnostic]:
    """Access to secret stores is granted by Azure itself only to a system-assigned identity."""
    value = text(node, "properties", ENFORCE_ACCESS)
    if value is None:
        return
    at = mark_of(node, "properties", ENFORCE_ACCESS)
    if value not in {"enabled", "disabled"}:
        message = f"`{ENFORCE_ACCESS}` must be enabled or disabled, found `{value}`"
        yield error_at(at, message, "", "identity")
    elif value == "enabled" and text(node, "identity", "type") in {"user_assigned", "none"}:
        message = f"`{ENFORCE_ACCESS}` works with a system-assigned identity only"
        remedy = "Remove it and grant the identity its roles (access.yaml), or use the system-assigned identity."
        yield error_at(at, message, remedy, "identity")


RULES = (
    single_hyphens,
    traffic_sum,
    one_mirror,
    live_or_mirrored,
    kubernetes_limits,
    cluster,
    identity,
    enforced_access,
)
