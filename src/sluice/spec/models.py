"""What the specifications say, as frozen values: the product of loading, the input of planning.

Field names are the YAML keys; their meaning is written in `schemas/`. Times keep the unit of their key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from sluice.errors import Mark
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.frozen import frozen_map
from sluice.spec.rollout import Rollout
from sluice.spec.terms import AssetReference, SecretReference, Value


class Marked(Protocol):
    """A specification that knows where its keys stand: dotted key (`request_settings.request_timeout_ms`) to place."""

    @property
    def at(self) -> Mark:
        """Where the specification begins."""

    @property
    def marks(self) -> Mapping[str, Mark]:
        """Where its keys stand."""


def where(spec: Marked, key: str) -> Mark:
    """Return where the dotted `key` stands in its file; where it is not written, the beginning of `spec`."""
    return spec.marks.get(key, spec.at)


class AuthMode(StrEnum):
    """How a caller proves who it is (endpoint `auth_mode`)."""

    KEY = "key"
    AML_TOKEN = "aml_token"  # noqa: S105 - the name of a mode
    AAD_TOKEN = "aad_token"  # noqa: S105 - the name of a mode


class IdentityType(StrEnum):
    """Endpoint `identity.type`."""

    SYSTEM_ASSIGNED = "system_assigned"
    USER_ASSIGNED = "user_assigned"
    NONE = "none"


@dataclass(frozen=True)
class Identity:
    """Who an endpoint is when it asks for models, images and secrets."""

    type: IdentityType = IdentityType.SYSTEM_ASSIGNED
    resource_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Endpoint:
    """An online endpoint. `traffic` is None where the spec says nothing about weights."""

    name: str
    at: Mark
    auth_mode: AuthMode = AuthMode.KEY
    identity: Identity = Identity()
    traffic: Mapping[str, int] | None = None
    mirror_traffic: Mapping[str, int] = field(default_factory=frozen_map)
    compute: str | None = None
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=frozen_map)
    properties: Mapping[str, str] = field(default_factory=frozen_map)
    public_network_access: str | None = None
    marks: Mapping[str, Mark] = field(default_factory=frozen_map, compare=False, repr=False)


@dataclass(frozen=True)
class Route:
    """An HTTP path of an inference server and the port it listens on in its container."""

    path: str
    port: int


@dataclass(frozen=True)
class InferenceConfig:
    """The three routes of a server that is not the scoring-script server."""

    liveness_route: Route | None = None
    readiness_route: Route | None = None
    scoring_route: Route | None = None


@dataclass(frozen=True)
class Build:
    """A Docker build context."""

    path: Path
    dockerfile_path: str = "Dockerfile"


@dataclass(frozen=True)
class Environment:
    """What a deployment runs in. `requirements` are pip requirement lines of its conda file or build folder.

    `pip_source` is the file those lines came from, for messages.
    """

    at: Mark
    name: str | None = None
    version: str | None = None
    image: str | None = None
    conda_file: Path | None = None
    build: Build | None = None
    inference_config: InferenceConfig | None = None
    requirements: tuple[str, ...] = ()
    pip_source: Path | None = None
    python_version: str | None = None
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=frozen_map)
    marks: Mapping[str, Mark] = field(default_factory=frozen_map, compare=False, repr=False)


@dataclass(frozen=True)
class FlowConnectionUse:
    """One connection a flow names, and the node that names it."""

    name: str
    node: str


@dataclass(frozen=True)
class Flow:
    """What planning needs to know of a prompt flow folder (`flow.dag.yaml` or `flow.flex.yaml`).

    `image` is the base image its `environment` names.
    """

    file: Path
    connections: tuple[FlowConnectionUse, ...] = ()
    requirements: tuple[str, ...] = ()
    requirements_file: Path | None = None
    image: str | None = None
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelContent:
    """The files of a local model: `files` maps the name inside the model to where it lies now.

    `sha256` covers names, bytes and the executable bit; it is the same on every machine and checkout.
    `requirements` are the pip requirement lines that an MLflow model brings with it.
    """

    sha256: str
    files: Mapping[str, Path]
    flow: Flow | None = None
    requirements: tuple[str, ...] = ()


@dataclass(frozen=True)
class Model:
    """A model: a named version, or (`name` None) one written inside its deployment."""

    at: Mark
    name: str | None = None
    version: str | None = None
    path: Path | None = None
    remote_path: str | None = None
    type: str = "custom_model"
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=frozen_map)
    properties: Mapping[str, str] = field(default_factory=frozen_map)
    content: ModelContent | None = None
    marks: Mapping[str, Mark] = field(default_factory=frozen_map, compare=False, repr=False)


@dataclass(frozen=True)
class CodeConfiguration:
    """A scoring script and the folder that is mounted for it."""

    code: Path
    scoring_script: str
    content: ModelContent | None = None


@dataclass(frozen=True)
class RequestSettings:
    """How many requests a replica takes, and how long one may last. None: the server kind's default."""

    request_timeout_ms: int = 5000
    max_concurrent_requests_per_instance: int | None = None
    max_queue_wait_ms: int | None = None


@dataclass(frozen=True)
class Probe:
    """A health probe; times in seconds. The defaults are Azure's (managed online deployment reference)."""

    initial_delay: int = 10
    period: int = 10
    timeout: int = 2
    success_threshold: int = 1
    failure_threshold: int = 30


@dataclass(frozen=True)
class ScaleSettings:
    """How the number of replicas is decided: `default` (fixed) or `target_utilization` (Kubernetes)."""

    type: str = "default"
    min_instances: int | None = None
    max_instances: int | None = None


@dataclass(frozen=True)
class Deployment:
    """A named version behind an endpoint."""

    name: str
    endpoint_name: str
    at: Mark
    model: Model | AssetReference | None = None
    environment: Environment | AssetReference | None = None
    code_configuration: CodeConfiguration | None = None
    environment_variables: Mapping[str, Value] = field(default_factory=frozen_map)
    instance_type: str | None = None
    instance_count: int = 1
    request_settings: RequestSettings = RequestSettings()
    liveness_probe: Probe = Probe()
    readiness_probe: Probe = Probe()
    scale_settings: ScaleSettings = ScaleSettings()
    type: str = "managed"
    app_insights_enabled: bool = False
    egress_public_network_access: str | None = None
    model_mount_path: str | None = None
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=frozen_map)
    properties: Mapping[str, str] = field(default_factory=frozen_map)
    marks: Mapping[str, Mark] = field(default_factory=frozen_map, compare=False, repr=False)


@dataclass(frozen=True)
class Connection:
    """A named secret bundle, in the workspace form or prompt flow's: `configs` are plain, `secrets` are not.

    Keys are prompt flow's own field names (api_key, api_base, api_version, ...), whatever the file's form.
    """

    name: str
    type: str
    at: Mark
    configs: Mapping[str, str] = field(default_factory=frozen_map)
    secrets: Mapping[str, SecretReference] = field(default_factory=frozen_map)
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=frozen_map)


@dataclass(frozen=True)
class Grant:
    """One role of one identity at one scope (`access.yaml`)."""

    identity: str
    role: str
    scope: str
    at: Mark


@dataclass(frozen=True)
class Access:
    """An access file: what it grants, added to the derived grants or (`replace`) instead of them."""

    at: Mark
    grants: tuple[Grant, ...] = ()
    replace: bool = False


@dataclass(frozen=True)
class SpecSet:
    """Every specification of a stack, loaded, overlaid and checked.

    `unread` holds kind and key of those that could not be read: what names them is not wrong.
    """

    root: Path
    endpoints: Mapping[str, Endpoint] = field(default_factory=frozen_map)
    deployments: tuple[Deployment, ...] = ()
    models: Mapping[tuple[str, str], Model] = field(default_factory=frozen_map)
    environments: Mapping[tuple[str, str], Environment] = field(default_factory=frozen_map)
    connections: Mapping[str, Connection] = field(default_factory=frozen_map)
    access: tuple[Access, ...] = ()
    rollouts: Mapping[str, Rollout] = field(default_factory=frozen_map)
    diagnostics: tuple[Diagnostic, ...] = ()
    unread: frozenset[tuple[str, ...]] = frozenset()
