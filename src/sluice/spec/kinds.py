"""Which kind of specification a file is: by its `$schema`, else by its keys, else by its name."""

from __future__ import annotations

from enum import StrEnum
from pathlib import PurePath

from sluice.spec.nodes import MapNode, Node, text


class Kind(StrEnum):
    """The kinds of files that have a schema here."""

    ENDPOINT = "endpoint"
    DEPLOYMENT = "deployment"
    MODEL = "model"
    ENVIRONMENT = "environment"
    CONNECTION = "connection"
    ACCESS = "access"
    STACK = "stack"
    FLOW = "flow"
    FLEX_FLOW = "flex-flow"
    RUN = "run"
    WORKSPACE = "workspace"
    CONFIG = "config"


# Last part of a `$schema` address, lower case: Azure's names and ours.
_BY_ADDRESS = {
    "managedonlineendpoint": Kind.ENDPOINT,
    "kubernetesonlineendpoint": Kind.ENDPOINT,
    "onlineendpoint": Kind.ENDPOINT,
    "managedonlinedeployment": Kind.DEPLOYMENT,
    "kubernetesonlinedeployment": Kind.DEPLOYMENT,
    "onlinedeployment": Kind.DEPLOYMENT,
    **{kind.value: kind for kind in Kind},
}

# Azure Machine Learning and prompt flow files that are not ours.
_FOREIGN_ADDRESS = (
    "batch", "job", "component", "data", "datastore", "compute", "workspace", "hub", "project", "registry", "flow",
    "run", "schedule", "pipeline", "feature", "serverless", "marketplace", "import", "capabilityhost", "rollout",
    "aksarc", "amlcompute", "monitor", "evaluator", "index", "deploymenttemplate", "session", "evaluation",
)  # fmt: skip

# Keys that only files of other kinds have at their top: jobs, components, flows, Compose, CI, Pulumi, Kubernetes.
_FOREIGN_KEYS = frozenset({
    "command", "jobs", "inputs", "outputs", "nodes", "entry", "services", "stages", "steps", "runtime", "apiVersion",
    "component", "job_definition", "mini_batch_size", "output_action", "defaults", "dependencies", "channels",
    "column_mapping", "flow", "pool", "trigger", "on", "config", "plugins", "artifact_path", "trial", "search_space",
})  # fmt: skip

_BATCH_DEPLOYMENT_KEYS = frozenset({"compute", "settings", "max_concurrency_per_instance", "retry_settings"})
_DEPLOYMENT_KEYS = frozenset({
    "endpoint_name", "model", "environment", "code_configuration", "instance_type", "instance_count",
    "request_settings", "liveness_probe", "readiness_probe", "scale_settings", "environment_variables",
})  # fmt: skip
_ENDPOINT_KEYS = frozenset({"auth_mode", "traffic", "mirror_traffic", "public_network_access", "identity"})
_ENVIRONMENT_KEYS = frozenset({"image", "build", "conda_file"})
_CONNECTION_KEYS = frozenset({
    "api_key", "credentials", "target", "secrets", "configs", "azure_endpoint", "api_base", "endpoint", "base_url",
    "api_version", "open_ai_resource_id", "ai_services_resource_id", "is_shared", "metadata",
})  # fmt: skip
_MODEL_TYPES = frozenset({"custom_model", "mlflow_model", "triton_model"})


def detect(node: Node, path: PurePath) -> Kind | None:
    """Return the kind of the file `path` with the content `node`, or None for what is no specification of ours."""
    if not isinstance(node, MapNode):
        return None
    address = text(node, "$schema")
    if address is not None:
        name = _address_name(address)
        if kind := _by_address(name):
            return kind
        if any(part in name for part in _FOREIGN_ADDRESS):
            return None
    if node.entries.keys() & _FOREIGN_KEYS:
        return None
    return _by_keys(node) or _by_name(node, path)


def claims(node: Node) -> Kind | None:
    """Return the kind that the file's own `$schema` names."""
    address = text(node, "$schema")
    return _by_address(_address_name(address)) if address else None


def _by_address(name: str) -> Kind | None:
    return _BY_ADDRESS.get(name) or (Kind.CONNECTION if name.endswith("connection") else None)


def _address_name(address: str) -> str:
    tail = address.replace("\\", "/").rstrip("/").rpartition("/")[2].rpartition(":")[2]
    return tail.lower().removesuffix(".json").removesuffix(".schema")


def _by_keys(node: MapNode) -> Kind | None:
    keys = node.entries.keys()
    if "grants" in keys:
        return Kind.ACCESS
    if _is_deployment(node):
        return None if keys & _BATCH_DEPLOYMENT_KEYS else Kind.DEPLOYMENT
    if "type" in keys and keys & _CONNECTION_KEYS:
        return Kind.CONNECTION
    if keys & _ENDPOINT_KEYS and "type" not in keys:
        return Kind.ENDPOINT
    return _asset(node)


def _is_deployment(node: MapNode) -> bool:
    keys = node.entries.keys()
    return "endpoint_name" in keys or len(keys & _DEPLOYMENT_KEYS) >= 2


def _asset(node: MapNode) -> Kind | None:
    keys = node.entries.keys()
    if text(node, "type") in _MODEL_TYPES:
        return Kind.MODEL
    if keys & _ENVIRONMENT_KEYS and "name" in keys and "type" not in keys:
        return Kind.ENVIRONMENT
    return Kind.MODEL if {"name", "path"} <= keys and "type" not in keys else None


def _by_name(node: MapNode, path: PurePath) -> Kind | None:
    """Return what the file's name or folder says: the last resort, for little content or misspelled keys."""
    if "name" not in node.entries and not node.entries.keys() & _DEPLOYMENT_KEYS:
        return None
    stem = path.stem.lower()
    if "batch" in stem:
        return None
    named = (Kind.DEPLOYMENT, Kind.ENDPOINT, Kind.CONNECTION, Kind.ENVIRONMENT, Kind.MODEL)
    by_folder = {"connections": Kind.CONNECTION, "environments": Kind.ENVIRONMENT}
    return next((kind for kind in named if kind.value in stem), by_folder.get(path.parent.name))
