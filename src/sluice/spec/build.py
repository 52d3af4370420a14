"""Nodes that passed their schema, as frozen models: endpoints, deployments and access."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sluice.spec.build_assets import build_environment, build_model
from sluice.spec.frozen import frozen_map
from sluice.spec.models import (
    Access,
    AuthMode,
    CodeConfiguration,
    Deployment,
    Endpoint,
    Environment,
    Grant,
    Identity,
    IdentityType,
    Model,
    Probe,
    RequestSettings,
    ScaleSettings,
)
from sluice.spec.nodes import ListNode, MapNode, Node, ScalarNode, dig, items, text, whole
from sluice.spec.references import asset_reference, secret_reference
from sluice.spec.terms import AssetReference, Value
from sluice.spec.values import as_text, key_marks, local_path, text_map


def build_endpoint(node: Node) -> Endpoint:
    """Return the endpoint that `node` says."""
    return Endpoint(
        name=text(node, "name") or "",
        at=node.at,
        auth_mode=AuthMode(text(node, "auth_mode") or AuthMode.KEY),
        identity=_identity(dig(node, "identity")),
        traffic=_weights(node, "traffic") if dig(node, "traffic") else None,
        mirror_traffic=_weights(node, "mirror_traffic"),
        compute=text(node, "compute"),
        description=text(node, "description") or "",
        tags=text_map(node, "tags"),
        properties=text_map(node, "properties"),
        public_network_access=text(node, "public_network_access"),
        marks=key_marks(node),
    )


def _weights(node: Node, key: str) -> Mapping[str, int]:
    return frozen_map({name: whole(entry.node) or 0 for name, entry in items(node, key)})


def _identity(node: Node | None) -> Identity:
    if node is None:
        return Identity()
    listed = dig(node, "user_assigned_identities")
    found = [text(item, "resource_id") for item in listed.items] if isinstance(listed, ListNode) else []
    return Identity(IdentityType(text(node, "type") or "system_assigned"), tuple(name for name in found if name))


def build_deployment(node: Node, root: Path) -> Deployment:
    """Return the deployment that `node` says; local paths in it are absolute."""
    return Deployment(
        name=text(node, "name") or "",
        endpoint_name=text(node, "endpoint_name") or "",
        at=node.at,
        model=_model(dig(node, "model"), root),
        environment=_environment(dig(node, "environment"), root),
        code_configuration=_code(node, root),
        environment_variables=_variables(node),
        instance_type=text(node, "instance_type"),
        instance_count=whole(node, "instance_count") or 1,
        request_settings=_request_settings(node),
        liveness_probe=_probe(dig(node, "liveness_probe")),
        readiness_probe=_probe(dig(node, "readiness_probe")),
        scale_settings=_scale_settings(node),
        type=text(node, "type") or "managed",
        app_insights_enabled=_flag(node, "app_insights_enabled"),
        egress_public_network_access=text(node, "egress_public_network_access"),
        model_mount_path=text(node, "model_mount_path"),
        description=text(node, "description") or "",
        tags=text_map(node, "tags"),
        properties=text_map(node, "properties"),
        marks=key_marks(node),
    )


def _model(node: Node | None, root: Path) -> Model | AssetReference | None:
    if node is None:
        return None
    return build_model(node, root) if isinstance(node, MapNode) else asset_reference(as_text(node), node.at)


def _environment(node: Node | None, root: Path) -> Environment | AssetReference | None:
    if node is None:
        return None
    return build_environment(node, root) if isinstance(node, MapNode) else asset_reference(as_text(node), node.at)


def _code(node: Node, root: Path) -> CodeConfiguration | None:
    folder, script = (
        local_path(node, root, "code_configuration", "code"),
        text(node, "code_configuration", "scoring_script"),
    )
    return CodeConfiguration(folder, script) if folder and script else None


def _variables(node: Node) -> Mapping[str, Value]:
    read: dict[str, Value] = {}
    for name, entry in items(node, "environment_variables"):
        value = as_text(entry.node)
        read[name] = secret_reference(value, entry.node.at) or value
    return frozen_map(read)


def _request_settings(node: Node) -> RequestSettings:
    given = dig(node, "request_settings")
    return RequestSettings(
        whole(given, "request_timeout_ms") or RequestSettings.request_timeout_ms,
        whole(given, "max_concurrent_requests_per_instance"),
        whole(given, "max_queue_wait_ms"),
    )


def _probe(node: Node | None) -> Probe:
    return Probe(
        whole(node, "initial_delay") or Probe.initial_delay,
        whole(node, "period") or Probe.period,
        whole(node, "timeout") or Probe.timeout,
        whole(node, "success_threshold") or Probe.success_threshold,
        whole(node, "failure_threshold") or Probe.failure_threshold,
    )


def _scale_settings(node: Node) -> ScaleSettings:
    given = dig(node, "scale_settings")
    return ScaleSettings(text(given, "type") or "default", whole(given, "min_instances"), whole(given, "max_instances"))


def _flag(node: Node, key: str) -> bool:
    found = dig(node, key)
    return isinstance(found, ScalarNode) and found.value is True


def build_access(node: Node) -> Access:
    """Return the role assignments that `node` says."""
    listed = dig(node, "grants")
    grants = listed.items if isinstance(listed, ListNode) else ()
    return Access(node.at, tuple(_grant(grant) for grant in grants), _flag(node, "replace"))


def _grant(node: Node) -> Grant:
    return Grant(text(node, "identity") or "", text(node, "role") or "", text(node, "scope") or "", node.at)
