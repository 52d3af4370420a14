"""Endpoints and deployments as ARM resources (2025-12-01): from their YAML keys to a request's body. Pure.

What a key becomes is Azure's own conversion, key by key; a key that is not written is not sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sluice.plan.azure_site import Site, Tree
from sluice.plan.azure_values import camel, duration, part, seconds, text, without_none
from sluice.spec.models import Deployment, Endpoint, IdentityType

_AUTH: Final = {"key": "Key", "aml_token": "AMLToken", "aad_token": "AADToken"}
_IDENTITY: Final = {
    IdentityType.SYSTEM_ASSIGNED: "SystemAssigned",
    IdentityType.USER_ASSIGNED: "UserAssigned",
    IdentityType.NONE: "None",
}
_GPU: Final = ("nvidia.com/gpu", "gpu")


def endpoint_body(endpoint: Endpoint, identities: tuple[str, ...], site: Site) -> dict[str, Any]:
    """Return an endpoint's body. Weights are not in it: they name deployments, which come after the endpoint.

    Args:
        endpoint: the specification.
        identities: ARM ids of its user-assigned identities.
        site: where it will be.
    """
    identity: dict[str, Any] = {"type": _IDENTITY[endpoint.identity.type]}
    if identities:
        identity["userAssignedIdentities"] = {identity_id: {} for identity_id in identities}
    properties = {
        "authMode": _AUTH[endpoint.auth_mode],
        "description": endpoint.description or None,
        "properties": dict(endpoint.properties) or None,
        "compute": compute_id(endpoint.compute, site),
        "publicNetworkAccess": camel(endpoint.public_network_access),
    }
    return without_none(
        {
            "location": site.location,
            "tags": dict(endpoint.tags) or None,
            "identity": identity,
            "properties": without_none(properties),
        }
    )


def compute_id(compute: str | None, site: Site) -> str | None:
    """Return the ARM id of the cluster that `compute` (`azureml:NAME`, or an id) means."""
    if not compute:
        return None
    name = compute.removeprefix("azureml:")
    return name if name.startswith("/") else site.within("computes", name)


def deployment_body(deployment: Deployment, tree: Tree, links: Mapping[str, Any], site: Site) -> dict[str, Any]:
    """Return a deployment's body, of either form.

    Args:
        deployment: the specification.
        tree: the same as plain values.
        links: the properties that say what it is made of: `model`, `environmentId`, `codeConfiguration`,
            `environmentVariables`.
        site: where it will be.
    """
    form = _kubernetes(tree) if deployment.type == "kubernetes" else _managed(tree)
    properties = {
        "description": deployment.description or None,
        "properties": dict(deployment.properties) or None,
        "appInsightsEnabled": deployment.app_insights_enabled,
        "instanceType": deployment.instance_type,
        "modelMountPath": deployment.model_mount_path,
        "scaleSettings": _scale_settings(part(tree, "scale_settings")),
        "requestSettings": _request_settings(part(tree, "request_settings")),
        "livenessProbe": _probe(part(tree, "liveness_probe")),
        "readinessProbe": _probe(part(tree, "readiness_probe")),
        "dataCollector": _data_collector(part(tree, "data_collector")),
    }
    return without_none(
        {
            "location": site.location,
            "tags": dict(deployment.tags) or None,
            "sku": _sku(deployment, tree),
            "properties": without_none(properties | form | dict(links)),
        }
    )


def _sku(deployment: Deployment, tree: Tree) -> dict[str, Any]:
    """One instance where nobody says how many, but for those that scale themselves."""
    scaled = deployment.scale_settings.type != "default" and "instance_count" not in tree
    return {"name": "Default"} if scaled else {"name": "Default", "capacity": deployment.instance_count}


def _managed(tree: Tree) -> dict[str, Any]:
    """The key of old for egress, which the API no longer has, means the same as the new one."""
    closed = tree.get("private_network_connection") is True
    egress = camel(tree.get("egress_public_network_access")) or ("Disabled" if closed else None)
    return {"endpointComputeType": "Managed", "egressPublicNetworkAccess": egress}


def _kubernetes(tree: Tree) -> dict[str, Any]:
    resources = part(tree, "resources")
    requirements = resources and without_none(
        {
            "containerResourceRequests": _quantities(part(resources, "requests")),
            "containerResourceLimits": _quantities(part(resources, "limits")),
        }
    )
    return {"endpointComputeType": "Kubernetes", "containerResourceRequirements": requirements}


def _quantities(given: Tree | None) -> dict[str, Any] | None:
    if given is None:
        return None
    gpu = next((text(given[name]) for name in _GPU if name in given), None)
    return without_none({"cpu": text(given.get("cpu")), "memory": text(given.get("memory")), "gpu": gpu})


def _scale_settings(given: Tree | None) -> dict[str, Any] | None:
    if given is None:
        return None
    if given.get("type") != "target_utilization":
        return {"scaleType": "Default"}
    return without_none(
        {
            "scaleType": "TargetUtilization",
            "minInstances": given.get("min_instances"),
            "maxInstances": given.get("max_instances"),
            "pollingInterval": seconds(given.get("polling_interval")),
            "targetUtilizationPercentage": given.get("target_utilization_percentage"),
        }
    )


def _request_settings(given: Tree | None) -> dict[str, Any] | None:
    if given is None:
        return None
    return without_none(
        {
            "requestTimeout": duration(given.get("request_timeout_ms")),
            "maxConcurrentRequestsPerInstance": given.get("max_concurrent_requests_per_instance"),
            "maxQueueWait": duration(given.get("max_queue_wait_ms")),
        }
    )


def _probe(given: Tree | None) -> dict[str, Any] | None:
    if given is None:
        return None
    return without_none(
        {
            "initialDelay": seconds(given.get("initial_delay")),
            "period": seconds(given.get("period")),
            "timeout": seconds(given.get("timeout")),
            "successThreshold": given.get("success_threshold"),
            "failureThreshold": given.get("failure_threshold"),
        }
    )


def _data_collector(given: Tree | None) -> dict[str, Any] | None:
    if given is None:
        return None
    rate, logging = given.get("sampling_rate"), part(given, "request_logging")
    collections = part(given, "collections") or {}
    return without_none(
        {
            "collections": {name: _collection(one, rate) for name, one in collections.items()},
            "rollingRate": camel(given.get("rolling_rate")),
            "requestLogging": logging and without_none({"captureHeaders": logging.get("capture_headers")}),
        }
    )


def _collection(given: Tree, rate: float | None) -> dict[str, Any]:
    """ARM has the sampling rate in each collection, YAML once for all."""
    return without_none(
        {
            "dataCollectionMode": "Enabled" if str(given.get("enabled")).lower() == "true" else "Disabled",
            "samplingRate": rate,
            "dataId": _data_id(given.get("data")),
            "clientId": given.get("client_id"),
        }
    )


def _data_id(data: Any) -> str | None:
    if not isinstance(data, Mapping):
        return text(data)
    named = f"azureml:{data['name']}:{data['version']}" if data.get("name") and data.get("version") else None
    return text(data.get("data_id")) or named or text(data.get("path"))
