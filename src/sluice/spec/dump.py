"""Frozen models back to the data of their YAML files: what is a default or empty is left out.

Reading the result again gives an equal model, apart from marks. Paths are written relative to the folder given.
A literal secret is written out as it stands in the model: whoever writes the data to a file keeps it private.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import singledispatch
from pathlib import Path
from typing import Any

from sluice.spec.models import (
    Access,
    Build,
    CodeConfiguration,
    Connection,
    Deployment,
    Endpoint,
    Environment,
    Grant,
    Identity,
    InferenceConfig,
    Model,
    Probe,
    RequestSettings,
    ScaleSettings,
)
from sluice.spec.terms import AssetReference, SecretReference, SecretScheme, Value

Data = dict[str, Any]
Spec = Endpoint | Deployment | Model | Environment | Connection | Access

_CREDENTIALS = frozenset({
    "key", "pat", "sas_token", "password", "client_secret", "secret_access_key", "account_key",
    "username", "client_id", "tenant_id", "access_key_id",
})  # fmt: skip
_FIELDS = frozenset({
    "api_key", "target", "api_base", "base_url", "endpoint", "resource_id", "auth_mode", "api_version", "api_type",
    "organization", "account_name", "container_name", "one_lake_workspace_name",
})  # fmt: skip
_STRONG_TYPE = "promptflow.connection."


def dump(spec: Spec, folder: Path) -> Data:
    """Return what a YAML file in `folder` says where it means `spec`."""
    data: Data = _dump(spec, folder)
    return data


@singledispatch
def _dump(spec: object, _folder: Path) -> Any:
    raise TypeError(type(spec))


@_dump.register
def _(spec: Endpoint, folder: Path) -> Data:
    return _written(
        {
            "name": spec.name,
            "auth_mode": spec.auth_mode.value,
            "identity": _dump(spec.identity, folder) if spec.identity != Identity() else None,
            "compute": spec.compute,
            "description": spec.description,
            "tags": spec.tags,
            "properties": spec.properties,
            "public_network_access": spec.public_network_access,
            "mirror_traffic": spec.mirror_traffic,
        }
    ) | ({} if spec.traffic is None else {"traffic": dict(spec.traffic)})


@_dump.register
def _(spec: Identity, _folder: Path) -> Data:
    listed = [{"resource_id": resource} for resource in spec.resource_ids]
    return _written({"type": spec.type.value, "user_assigned_identities": listed})


@_dump.register
def _(spec: Deployment, folder: Path) -> Data:
    written = _written(
        {
            "name": spec.name,
            "endpoint_name": spec.endpoint_name,
            "type": spec.type if spec.type != "managed" else None,
            "model": spec.model and _dump(spec.model, folder),
            "environment": spec.environment and _dump(spec.environment, folder),
            "code_configuration": spec.code_configuration and _dump(spec.code_configuration, folder),
            "environment_variables": {name: _value(value) for name, value in spec.environment_variables.items()},
            "instance_type": spec.instance_type,
            "instance_count": spec.instance_count,
            "request_settings": _dump(spec.request_settings, folder),
            "liveness_probe": _dump(spec.liveness_probe, folder),
            "readiness_probe": _dump(spec.readiness_probe, folder),
            "scale_settings": _dump(spec.scale_settings, folder),
            "app_insights_enabled": spec.app_insights_enabled or None,
            "egress_public_network_access": spec.egress_public_network_access,
            "model_mount_path": spec.model_mount_path,
            "description": spec.description,
            "tags": spec.tags,
            "properties": spec.properties,
        }
    )
    # An environment or a model that says nothing is not the same as none.
    said_nothing: Data = {key: {} for key in ("model", "environment") if getattr(spec, key) is not None}
    return said_nothing | written


@_dump.register
def _(spec: AssetReference, _folder: Path) -> str:
    return spec.text


@_dump.register
def _(spec: CodeConfiguration, folder: Path) -> Data:
    return {"code": _relative(spec.code, folder), "scoring_script": spec.scoring_script}


@_dump.register(RequestSettings)
@_dump.register(Probe)
def _(spec: RequestSettings | Probe, _folder: Path) -> Data:
    default = type(spec)()
    return {key: value for key, value in vars(spec).items() if value != getattr(default, key)}


@_dump.register
def _(spec: ScaleSettings, _folder: Path) -> Data:
    return _written(vars(spec)) if spec != ScaleSettings() else {}


@_dump.register
def _(spec: Model, folder: Path) -> Data:
    return _written(
        {
            "name": spec.name,
            "version": spec.version,
            "path": _relative(spec.path, folder) if spec.path else spec.remote_path,
            "type": spec.type if spec.type != Model.type else None,
            "description": spec.description,
            "tags": spec.tags,
            "properties": spec.properties,
        }
    )


@_dump.register
def _(spec: Environment, folder: Path) -> Data:
    return _written(
        {
            "name": spec.name,
            "version": spec.version,
            "image": spec.image,
            "conda_file": _relative(spec.conda_file, folder) if spec.conda_file else _conda(spec),
            "build": spec.build and _dump(spec.build, folder),
            "inference_config": spec.inference_config and _dump(spec.inference_config, folder),
            "description": spec.description,
            "tags": spec.tags,
        }
    )


def _conda(spec: Environment) -> Data | None:
    """Return the conda file that was written inside the specification itself; None where there was none."""
    if spec.build or spec.pip_source is None:
        return None
    python = [f"python={spec.python_version}"] if spec.python_version else []
    pip = ["pip", {"pip": list(spec.requirements)}] if spec.requirements else []
    return {"dependencies": [*python, *pip]}


@_dump.register
def _(spec: Build, folder: Path) -> Data:
    dockerfile = spec.dockerfile_path if spec.dockerfile_path != Build.dockerfile_path else None
    return _written({"path": _relative(spec.path, folder), "dockerfile_path": dockerfile})


@_dump.register
def _(spec: InferenceConfig, _folder: Path) -> Data:
    return {name: {"path": route.path, "port": route.port} for name, route in vars(spec).items() if route}


@_dump.register
def _(spec: Connection, _folder: Path) -> Data:
    head = {"name": spec.name, "type": spec.type, "description": spec.description, "tags": spec.tags}
    secrets = {key: _reference(value) for key, value in spec.secrets.items()}
    if spec.type == "custom":
        strong = {key: value for key, value in spec.configs.items() if key.startswith(_STRONG_TYPE)}
        configs = {key: value for key, value in spec.configs.items() if key not in strong}
        return _written(head | {key.removeprefix(_STRONG_TYPE): value for key, value in strong.items()}) | _written(
            {"configs": configs, "secrets": secrets}
        )
    return _written(head) | _connection_fields(dict(spec.configs), secrets)


def _connection_fields(configs: dict[str, str], secrets: dict[str, str]) -> Data:
    """Return the values of a connection under the keys they are read from."""
    fields: Data = {}
    groups: dict[str, Data] = {"credentials": {}, "metadata": {}, "secrets": {}}
    for key, value in (configs | secrets).items():
        if key == "auth_type":
            groups["credentials"]["type"] = value
        elif key in _CREDENTIALS:
            groups["credentials"][key] = value
        elif key in _FIELDS:
            fields[key] = value
        else:
            groups["secrets" if key in secrets else "metadata"][key] = value
    return _written(fields | groups)


@_dump.register
def _(spec: Access, folder: Path) -> Data:
    grants = {"grants": [_dump(grant, folder) for grant in spec.grants]}
    return grants | ({"replace": True} if spec.replace else {})


@_dump.register
def _(spec: Grant, _folder: Path) -> Data:
    return {"identity": spec.identity, "role": spec.role, "scope": spec.scope}


def _written(data: Mapping[str, Any]) -> Data:
    """Return `data` without what is empty, its mappings as plain ones."""
    kept = {key: dict(value) if isinstance(value, Mapping) else value for key, value in data.items()}
    return {key: value for key, value in kept.items() if value not in (None, "", {}, [])}


def _value(value: Value) -> str:
    return value if isinstance(value, str) else _reference(value)


def _reference(secret: SecretReference) -> str:
    return secret.name if secret.scheme is SecretScheme.LITERAL else f"${{{secret.scheme.value}:{secret.name}}}"


def _relative(path: Path, folder: Path) -> str:
    """Return `path` as seen from `folder`; `./` keeps a name with a colon from being taken for an address."""
    relative = Path(os.path.relpath(path, folder)).as_posix()
    return relative if relative.startswith("../") else f"./{relative}"
