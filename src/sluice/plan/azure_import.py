"""Endpoints and deployments of ARM as specifications: the way back from a request's body to its YAML keys. Pure.

What comes out plans the same body again, but for what is written for people (secrets become references).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sluice.plan.azure_values import without_none
from sluice.spec.open_secrets import secret_address, secret_header

Body = Mapping[str, Any]

_SCHEMAS: Final = "https://azuremlschemas.azureedge.net/latest/{form}Online{kind}.schema.json"
_AUTH: Final = {"key": "key", "amltoken": "aml_token", "aadtoken": "aad_token"}
_IDENTITY: Final = {"userassigned": "user_assigned", "none": "none"}
_DURATION: Final = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?")
_UNITS_MS: Final = (86_400_000, 3_600_000, 60_000, 1000)
_SECRET: Final = re.compile(r"(secret|password|passwd|token|api_?key|_key|connection_?string|sas)$", re.IGNORECASE)


@dataclass(frozen=True)
class Imported:
    """A specification as plain values, and the variables whose values were not written: they may be secret."""

    spec: dict[str, Any]
    hidden: tuple[str, ...] = ()


def endpoint_spec(name: str, body: Body, workspace: str) -> Imported:
    """Return an endpoint's specification, with the weights that are live. `workspace` is the ARM id it lies in."""
    properties = body.get("properties") or {}
    form = "kubernetes" if properties.get("compute") else "managed"
    network = properties.get("publicNetworkAccess")
    return Imported(
        _written({
            "$schema": _SCHEMAS.format(form=form, kind="Endpoint"),
            "name": name,
            "description": properties.get("description"),
            "auth_mode": _AUTH.get(str(properties.get("authMode")).lower()),
            "compute": _compute(properties.get("compute"), workspace),
            "identity": _identity(body.get("identity") or {}),
            "public_network_access": network and str(network).lower(),
            "tags": dict(body.get("tags") or {}),
            "properties": _own_properties(properties.get("properties")),
            "traffic": _weights(properties.get("traffic")),
            "mirror_traffic": _weights(properties.get("mirrorTraffic")),
        })
    )  # fmt: skip


def deployment_spec(endpoint: str, name: str, body: Body, workspace: str) -> Imported:
    """Return a deployment's specification; what it is made of is named, not fetched: of its workspace, or by id."""
    properties = body.get("properties") or {}
    kubernetes = str(properties.get("endpointComputeType")).lower() == "kubernetes"
    variables, hidden = _variables(properties.get("environmentVariables") or {})
    egress = properties.get("egressPublicNetworkAccess")
    spec = {
        "$schema": _SCHEMAS.format(form="kubernetes" if kubernetes else "managed", kind="Deployment"),
        "name": name,
        "endpoint_name": endpoint,
        "type": "kubernetes" if kubernetes else None,
        "description": properties.get("description"),
        "tags": dict(body.get("tags") or {}),
        "properties": _own_properties(properties.get("properties")),
        "model": _asset(properties.get("model"), workspace),
        "model_mount_path": properties.get("modelMountPath"),
        "code_configuration": _code(properties.get("codeConfiguration"), workspace),
        "environment": _asset(properties.get("environmentId"), workspace),
        "environment_variables": variables,
        "instance_type": properties.get("instanceType"),
        "instance_count": (body.get("sku") or {}).get("capacity"),
        "app_insights_enabled": properties.get("appInsightsEnabled") or None,
        "egress_public_network_access": egress and str(egress).lower(),
        "scale_settings": _scale(properties.get("scaleSettings")),
        "request_settings": _requests(properties.get("requestSettings")),
        "liveness_probe": _probe(properties.get("livenessProbe")),
        "readiness_probe": _probe(properties.get("readinessProbe")),
        "resources": _resources(properties.get("containerResourceRequirements")),
        "data_collector": _collector(properties.get("dataCollector")),
    }
    return Imported(_written(spec), hidden)


def milliseconds(duration: str | None) -> int | None:
    """Return an ISO 8601 duration in milliseconds; None where there is none that can be read."""
    found = _DURATION.fullmatch(duration or "")
    if not duration or not found:
        return None
    return round(sum(float(part or 0) * unit for part, unit in zip(found.groups(), _UNITS_MS, strict=True)))


def _written(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values without what is not there: null, and empty mappings."""
    return {key: value for key, value in values.items() if value is not None and value not in ({}, [])}


def _renamed(given: Body | None, names: Mapping[str, tuple[str, Callable[[Any], Any]]]) -> dict[str, Any] | None:
    if given is None:
        return None
    return without_none({key: read(given.get(arm)) for key, (arm, read) in names.items()})


def _same(value: Any) -> Any:
    return value


def _seconds(value: str | None) -> int | float | None:
    found = milliseconds(value)
    return None if found is None else found // 1000 if found % 1000 == 0 else found / 1000


def _compute(arm_id: str | None, workspace: str) -> str | None:
    """Return a cluster of the workspace by its name; another thing by its id."""
    inside = _inside(arm_id, workspace)
    return f"azureml:{inside[1]}" if inside[:1] == ["computes"] and len(inside) == 2 else arm_id


def _inside(arm_id: str | None, workspace: str) -> list[str]:
    """Return the parts of an id behind its workspace; none where it lies in another, or is no id."""
    head, tail = (arm_id or "")[: len(workspace) + 1], (arm_id or "")[len(workspace) + 1 :]
    return tail.split("/") if head.lower() == f"{workspace}/".lower() else []


def _identity(identity: Body) -> dict[str, Any] | None:
    type_ = _IDENTITY.get(str(identity.get("type")).lower())
    listed = [{"resource_id": arm_id} for arm_id in identity.get("userAssignedIdentities") or {}]
    return _written({"type": type_, "user_assigned_identities": listed}) if type_ else None


def _own_properties(given: Body | None) -> dict[str, Any]:
    """Return what somebody wrote; what the service and Sluice note for themselves is left out."""
    notes = re.compile(r"azureml\.online|AzureAsyncOperationUri|sluice\.", re.IGNORECASE)
    return {key: value for key, value in (given or {}).items() if not notes.match(key)}


def _weights(given: Body | None) -> dict[str, int]:
    return {name: int(weight) for name, weight in (given or {}).items() if weight}


def _asset(arm_id: str | None, workspace: str) -> str | None:
    """Return a version of the workspace as `azureml:NAME:VERSION`, another's by its id, a registry's as its address."""
    inside = _inside(arm_id, workspace)
    if len(inside) == 4 and inside[2] == "versions":
        return f"azureml:{inside[1]}:{inside[3]}"
    return f"azureml:{arm_id}" if (arm_id or "").startswith("/") else arm_id


def _code(given: Body | None, workspace: str) -> dict[str, Any] | None:
    if not given:
        return None
    return without_none({"code": _asset(given.get("codeId"), workspace), "scoring_script": given.get("scoringScript")})


def _variables(given: Body) -> tuple[dict[str, Any], tuple[str, ...]]:
    hidden = tuple(sorted(name for name, value in given.items() if _may_be_secret(name, str(value))))
    shown = {name: f"${{env:{name}}}" if name in hidden else str(value) for name, value in given.items()}
    return shown, hidden


def _may_be_secret(name: str, value: str) -> bool:
    referenced = value.startswith("${{") or not value
    return not referenced and bool(_SECRET.search(name) or secret_header(name) or secret_address(value))


def _scale(given: Body | None) -> dict[str, Any] | None:
    if given and str(given.get("scaleType")).lower() != "targetutilization":
        return {"type": "default"}
    told = _renamed(given, {
        "min_instances": ("minInstances", _same),
        "max_instances": ("maxInstances", _same),
        "polling_interval": ("pollingInterval", _seconds),
        "target_utilization_percentage": ("targetUtilizationPercentage", _same),
    })  # fmt: skip
    return None if told is None else {"type": "target_utilization"} | told


def _requests(given: Body | None) -> dict[str, Any] | None:
    return _renamed(given, {
        "request_timeout_ms": ("requestTimeout", milliseconds),
        "max_concurrent_requests_per_instance": ("maxConcurrentRequestsPerInstance", _same),
        "max_queue_wait_ms": ("maxQueueWait", milliseconds),
    })  # fmt: skip


def _probe(given: Body | None) -> dict[str, Any] | None:
    return _renamed(given, {
        "initial_delay": ("initialDelay", _seconds),
        "period": ("period", _seconds),
        "timeout": ("timeout", _seconds),
        "success_threshold": ("successThreshold", _same),
        "failure_threshold": ("failureThreshold", _same),
    })  # fmt: skip


def _resources(given: Body | None) -> dict[str, Any] | None:
    if given is None:
        return None
    return _written({
        "requests": _quantities(given.get("containerResourceRequests")),
        "limits": _quantities(given.get("containerResourceLimits")),
    })  # fmt: skip


def _quantities(given: Body | None) -> dict[str, Any] | None:
    return _renamed(given, {"cpu": ("cpu", _same), "memory": ("memory", _same), "nvidia.com/gpu": ("gpu", _same)})


def _collector(given: Body | None) -> dict[str, Any] | None:
    """Return a data collector; ARM has the sampling rate in each collection, YAML once for all."""
    if given is None:
        return None
    collections = given.get("collections") or {}
    rates = [one["samplingRate"] for one in collections.values() if one.get("samplingRate") is not None]
    logged = (given.get("requestLogging") or {}).get("captureHeaders")
    rolling = given.get("rollingRate")
    return _written({
        "sampling_rate": rates[0] if rates else None,
        "rolling_rate": rolling and str(rolling).lower(),
        "request_logging": {"capture_headers": list(logged)} if logged else None,
        "collections": {name: _collection(one) for name, one in collections.items()},
    })  # fmt: skip


def _collection(given: Body) -> dict[str, Any]:
    enabled = str(given.get("dataCollectionMode")).lower() == "enabled"
    data, client = given.get("dataId"), given.get("clientId")
    return _written({"enabled": str(enabled).lower(), "data": {"data_id": data} if data else None, "client_id": client})
