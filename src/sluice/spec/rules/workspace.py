"""Rules of a workspace by itself: its identities, the ARM ids it names, its network."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import describe, error_at, nearest, warning_at
from sluice.spec.kinds import Kind
from sluice.spec.nodes import ListNode, Node, ScalarNode, dig, items, mark_of, text
from sluice.spec.schema import at, top

# As azure-ai-ml checks it, but without case: ids copied from the portal say `resourcegroups`.
_ARM_ID = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)/resourcegroups/[^/]+/providers/[a-z0-9.]+/[a-z0-9]+/.+", re.IGNORECASE
)
_GUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_RESOURCES = (
    ("storage_account",),
    ("container_registry",),
    ("key_vault",),
    ("application_insights",),
    ("workspace_hub",),
    ("primary_user_assigned_identity",),
)
_FORM = "An ARM id is `/subscriptions/<guid>/resourceGroups/<group>/providers/<provider>/<type>/<name>`."
_DESTINATIONS = {
    "private_endpoint": ("service_resource_id", "subresource_target", "spark_enabled"),
    "service_tag": ("service_tag", "protocol", "port_ranges"),
}


def identity(node: Node) -> Iterator[Diagnostic]:
    """The type says which identities there are, and user-assigned ones are listed."""
    type_ = text(node, "identity", "type")
    if type_ is None or isinstance(dig(node, "identity", "user_assigned_identities"), ListNode):
        return  # a list is the form of endpoints, and the schema's to tell
    listed = [name for name, _ in items(node, "identity", "user_assigned_identities")]
    where = mark_of(node, "identity", "user_assigned_identities")
    if "user_assigned" in type_ and not listed:
        message = f"`identity.user_assigned_identities` is missing; `identity.type` is {type_}"
        yield error_at(where, message, "List the identities by ARM id: `<ARM id>: {}`.", "identity")
    elif "user_assigned" not in type_ and listed:
        message = f"`identity.type` is {type_}, but `user_assigned_identities` lists identities"
        remedy = "Set `type: system_assigned,user_assigned`, or remove the list."
        yield error_at(where, message, remedy, "identity")


def primary_identity(node: Node) -> Iterator[Diagnostic]:
    """The primary identity is one of the workspace's."""
    primary, written = text(node, "primary_user_assigned_identity"), dig(node, "primary_user_assigned_identity")
    listed = [name for name, _ in items(node, "identity", "user_assigned_identities")]
    if primary is None or written is None or not listed:
        return
    if primary.lower() not in {name.lower() for name in listed}:
        message = "`primary_user_assigned_identity` is not among `identity.user_assigned_identities`"
        yield error_at(written.at, message, f"Known: {', '.join(listed)}.", "identity")


def lost_identities(node: Node) -> Iterator[Diagnostic]:
    """Azure's loader drops an identity whose value is empty without a word; `{}` keeps it."""
    for name, entry in items(node, "identity", "user_assigned_identities"):
        if isinstance(entry.node, ScalarNode) and entry.node.value is None:
            message = f"the identity `{name}` has no value, and is dropped without a word"
            yield warning_at(entry.key_at, message, "Write `{}` after the colon.", "identity")


def arm_ids(node: Node) -> Iterator[Diagnostic]:
    """Resources are named by ARM id."""
    for path in _RESOURCES:
        found, written = dig(node, *path), text(node, *path)
        if found and written:
            yield from _arm_id(".".join(path), written, found)
    for name, entry in items(node, "identity", "user_assigned_identities"):
        yield from _arm_id("identity.user_assigned_identities", name, ScalarNode(entry.key_at, name, name))


def _arm_id(shown: str, written: str, found: Node) -> Iterator[Diagnostic]:
    parts = _ARM_ID.fullmatch(written)
    if parts is None:
        # What is no id at all may be a placeholder for a whole one.
        report = warning_at if written.startswith("<") else error_at
        yield report(found.at, f"`{shown}` is no ARM id, found {describe(found)}", _FORM, "arm-id")
    elif not _GUID.fullmatch(parts["subscription"]):
        message = f"`{shown}` names no subscription id, found `{parts['subscription']}`"
        report = warning_at if re.search(r"[<{$_]", parts["subscription"]) else error_at
        yield report(found.at, message, _FORM, "arm-id")


def network_rules(node: Node) -> Iterator[Diagnostic]:
    """A network that denies lets somebody in."""
    listed = dig(node, "network_acls", "ip_rules")
    if text(node, "network_acls", "default_action") == "Deny" and not (isinstance(listed, ListNode) and listed.items):
        message = "`network_acls.ip_rules` is needed where `default_action` is Deny"
        yield error_at(mark_of(node, "network_acls", "default_action"), message, "List who may come in.", "required")


def outbound_rules(node: Node) -> Iterator[Diagnostic]:
    """An outbound rule's destination has what its type needs."""
    listed = dig(node, "managed_network", "outbound_rules")
    for index, rule in enumerate(listed.items if isinstance(listed, ListNode) else ()):
        shown = f"managed_network.outbound_rules[{index}].destination"
        type_, destination = text(rule, "type"), dig(rule, "destination")
        if destination is None or type_ is None:
            continue
        if (type_ == "fqdn") != isinstance(destination, ScalarNode):
            wanted = "a domain name" if type_ == "fqdn" else "a mapping"
            message = f"`{shown}` of the type {type_} must be {wanted}, found {describe(destination)}"
            yield error_at(destination.at, message, "", "type")
            continue
        for key in _DESTINATIONS.get(type_, ()):
            if dig(destination, key) is None:
                message = f"`{shown}.{key}` is missing; the type {type_} needs it"
                yield error_at(mark_of(rule, "destination"), message, "", "required")


def managed_network_keys(node: Node) -> Iterator[Diagnostic]:
    """Azure's loader drops keys of `managed_network` that it does not know."""
    place = at(top(Kind.WORKSPACE), node, ("managed_network",))
    for key, entry in items(node, "managed_network"):
        if key in place.keys:
            continue
        meant = nearest(key, place.keys)
        remedy = f"Did you mean `{meant}`?" if meant else f"Known keys: {', '.join(place.writable_keys)}."
        report = error_at if meant else warning_at
        yield report(entry.key_at, f"unknown key `{key}` in `managed_network`", remedy, "unknown-key")


RULES = (
    identity,
    primary_identity,
    lost_identities,
    arm_ids,
    network_rules,
    outbound_rules,
    managed_network_keys,
)
