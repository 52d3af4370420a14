"""The graph of a stack on this machine: from frozen specs to resources, pure.

Identities and role assignments come first, then connections, then what each endpoint needs; an endpoint's
traffic stands after all its deployments, so weights never name what does not run yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sluice.errors import AccessDenied, SpecError, Unsupported
from sluice.plan.access import SECRETS_READER, Assignment, assignments, identities_of, may_read
from sluice.plan.connections import connections_read
from sluice.plan.environments import How, environment_resource
from sluice.plan.graph import Graph, Output, Resource
from sluice.plan.runtimes import (
    Runtime,
    folder_name,
    refuse_container,
    runtime_of,
    runtime_properties,
)
from sluice.plan.servers import ServerKind, concurrency, server_kind
from sluice.spec.frozen import frozen_map
from sluice.spec.models import (
    AuthMode,
    Connection,
    Deployment,
    Endpoint,
    Environment,
    Flow,
    Model,
    Probe,
    SpecSet,
    where,
)
from sluice.spec.references import Asset, written_here
from sluice.spec.terms import AssetReference, SecretReference


@dataclass(frozen=True)
class Goal:
    """The weights an endpoint is to have, in percent, and the share of copies each deployment gets.

    None leaves the live weights alone. `rollout` is how they are walked to, as JSON with a name in each secret's
    place; None sets them at once.
    """

    weights: Mapping[str, int] | None = None
    mirror: Mapping[str, int] = field(default_factory=frozen_map)
    rollout: Mapping[str, object] | None = None
    rollout_secrets: Mapping[str, SecretReference] = field(default_factory=frozen_map)


@dataclass(frozen=True)
class Local:
    """What is known of a whole stack.

    Attributes:
        runtime: how deployments run; one may choose another.
        images: names of the images that are built, by `endpoint/deployment`.
        locks: what packages are locked to, `path` (from the project) and `sha256`, by `endpoint/deployment`.
    """

    runtime: Runtime = Runtime.PROCESS
    images: Mapping[str, str] = field(default_factory=frozen_map)
    locks: Mapping[str, Mapping[str, str]] = field(default_factory=frozen_map)


PROCESSES = Local()


def plan_local(specs: SpecSet, goals: Mapping[str, Goal], ports: Mapping[str, int], local: Local = PROCESSES) -> Graph:
    """Return the resource graph of a stack on this machine.

    Args:
        specs: checked specifications.
        goals: by endpoint.
        ports: by endpoint, where the user chose one.
        local: how deployments run here.

    Raises:
        SpecError: a reference to a model, environment or connection that no spec defines.
        AccessDenied: a deployment reads a connection its identity has no role for.
        Unsupported: what this machine can't do, with the reason.
    """
    held = assignments(specs.endpoints.values(), specs.access)
    resources = [*_identities(specs), *_assignments(held), *map(_connection, specs.connections.values())]
    for endpoint in specs.endpoints.values():
        port = ports.get(endpoint.name)
        resources += _EndpointPlan(specs, endpoint, held, local).resources(goals.get(endpoint.name, Goal()), port)
    return Graph(tuple({resource.key: resource for resource in resources}.values()))


def _identities(specs: SpecSet) -> Iterator[Resource]:
    named = {name: e.identity.type for e in specs.endpoints.values() for name in identities_of(e)}
    for name, kind in sorted(named.items()):
        yield Resource("Identity", name, frozen_map({"name": name, "type": str(kind)}))


def _assignments(held: tuple[Assignment, ...]) -> Iterator[Resource]:
    for one in held:
        properties = {"identity": one.identity, "role": one.role, "scope": one.scope}
        yield Resource("RoleAssignment", f"{one.identity}/{one.role}/{one.scope}", frozen_map(properties))


def _connection(connection: Connection) -> Resource:
    properties = {
        "name": connection.name,
        "type": connection.type,
        "configs": dict(connection.configs),
        "secrets": dict(connection.secrets),
    }
    return Resource("Connection", connection.name, frozen_map(properties))


@dataclass(frozen=True)
class _EndpointPlan:
    specs: SpecSet
    endpoint: Endpoint
    held: tuple[Assignment, ...]
    local: Local

    def resources(self, goal: Goal, port: int | None) -> list[Resource]:
        refuse_what_only_azure_has(self.endpoint)
        endpoint = self._endpoint(port)
        mine = [d for d in self.specs.deployments if d.endpoint_name == self.endpoint.name]
        parts = [part for deployment in mine for part in self._deployment(deployment, endpoint.key)]
        running = tuple(part.key for part in parts if part.type == "Deployment")
        return [endpoint, *parts, self._traffic(goal, (endpoint.key, *running))]

    def _endpoint(self, port: int | None) -> Resource:
        endpoint = self.endpoint
        properties = {
            "name": endpoint.name,
            "authMode": str(endpoint.auth_mode),
            "port": port,
            "description": endpoint.description,
            "tags": dict(endpoint.tags),
            "properties": dict(endpoint.properties),
            "identities": list(identities_of(endpoint)),
        }
        needs = tuple(f"Identity:{name}" for name in identities_of(endpoint))
        return Resource("Endpoint", endpoint.name, frozen_map(properties), needs, endpoint.name)

    def _traffic(self, goal: Goal, needs: tuple[str, ...]) -> Resource:
        properties = {
            "endpoint": self.endpoint.name,
            "weights": None if goal.weights is None else dict(goal.weights),
            "mirror": dict(goal.mirror),
            "deployments": [key.rpartition("/")[2] for key in needs[1:]],
            "rollout": None if goal.rollout is None else dict(goal.rollout),
            "rolloutSecrets": dict(goal.rollout_secrets) or None,
        }
        return Resource("Traffic", self.endpoint.name, frozen_map(properties), needs, self.endpoint.name)

    def _deployment(self, deployment: Deployment, endpoint_key: str) -> Iterator[Resource]:
        refuse_kubernetes(deployment)
        model = _resolved(deployment, "model", deployment.model, self.specs.models)
        written = _resolved(deployment, "environment", deployment.environment, self.specs.environments)
        how = self._how(deployment, model, written)
        if how.built and how.runtime is Runtime.DOCKER:
            yield Resource("Image", how.built, frozen_map(), (), deployment.endpoint_name)
        environment = environment_resource(deployment, how, model, written)
        files = _model(self.specs.root, deployment, model) if model else None
        code = _code(self.specs.root, deployment)
        parts = [part for part in (environment, files, code) if part]
        yield from parts
        reads = self._readable(deployment, model.content.flow if model and model.content else None)
        needs = (endpoint_key, *(part.key for part in parts), *self._access(reads))
        properties = _deployment_properties(deployment, how.kind, environment.key, reads, self._reader())
        properties |= runtime_properties(deployment, how.kind, how.runtime, written)
        properties["model"] = {**_reference(files), "folder": folder_name(model)} if files and model else None
        properties["code"] = _script(code, deployment) if code else None
        needs = tuple(dict.fromkeys(needs))
        yield Resource("Deployment", _key(deployment), frozen_map(properties), needs, deployment.endpoint_name)

    def _how(self, deployment: Deployment, model: Model | None, environment: Environment | None) -> How:
        """Return how it runs. Raises Unsupported for what can't be served, or not in the runtime that is chosen."""
        kind, runtime = server_kind(deployment, model, environment), runtime_of(deployment, self.local.runtime)
        refuse_container(deployment, kind, runtime)
        name = _key(deployment)
        return How(kind, runtime, self.local.images.get(name), self.local.locks.get(name))

    def _access(self, reads: Mapping[str, str]) -> Iterator[str]:
        """Yield the keys of the connections a deployment reads, and of the grants by which it may."""
        yield from (f"Connection:{connection}" for connection in reads.values())
        yield from (f"RoleAssignment:{a.identity}/{a.role}/{a.scope}" for a in self._grants())

    def _grants(self) -> Iterator[Assignment]:
        """Yield the grants by which the endpoint reads its secrets."""
        yield from (a for a in self.held if a.identity == self._reader() and a.role == SECRETS_READER)

    def _reader(self) -> str | None:
        return next(iter(identities_of(self.endpoint)), None)

    def _readable(self, deployment: Deployment, flow: Flow | None) -> Mapping[str, str]:
        reads = connections_read(deployment, flow)
        for connection in reads.values():
            _refuse_undefined(self.specs, deployment, connection)
            _refuse_ungranted(deployment, self._reader(), connection, self.held)
        return reads


def refuse_what_only_azure_has(endpoint: Endpoint) -> None:
    """Raise Unsupported for an endpoint that this machine can't stand in for."""
    if endpoint.compute:
        reason = f"compute {endpoint.compute} (a Kubernetes endpoint)"
        raise _only_azure(endpoint, "compute", reason, "Leave `compute` out")
    if endpoint.auth_mode is AuthMode.AAD_TOKEN:
        raise _only_azure(endpoint, "auth_mode", "auth_mode aad_token needs Microsoft Entra ID", "Use key or aml_token")
    if endpoint.public_network_access == "disabled":
        reason = "public_network_access: disabled needs a private network"
        raise _only_azure(endpoint, "public_network_access", reason, "Leave it out")


def _only_azure(endpoint: Endpoint, key: str, what: str, remedy: str) -> Unsupported:
    message = f"endpoint {endpoint.name}: {what}, which the local target has not"
    remedy = f"{remedy} in an overlay of this stack, or set target: azure."
    return Unsupported(message, remedy=remedy, at=where(endpoint, key))


def refuse_kubernetes(deployment: Deployment) -> None:
    """Raise Unsupported for a deployment whose form only Azure's clusters run."""
    key, reason = "", ""
    if deployment.type == "kubernetes":
        key, reason = "type", "type: kubernetes needs a cluster"
    elif deployment.scale_settings.type != "default":
        key, reason = "scale_settings.type", f"scale_settings.type {deployment.scale_settings.type} needs an autoscaler"
    elif deployment.egress_public_network_access == "disabled":
        key = "egress_public_network_access"
        reason = "egress_public_network_access: disabled needs a private network"
    if reason:
        raise Unsupported(
            f"deployment {deployment.name}: {reason}, which the local target has not",
            remedy="Change it in an overlay of this stack, or set target: azure.",
            at=where(deployment, key),
        )


def _key(deployment: Deployment) -> str:
    return f"{deployment.endpoint_name}/{deployment.name}"


def _resolved(
    deployment: Deployment, kind: str, asset: Asset | AssetReference | None, known: Mapping[tuple[str, str], Asset]
) -> Asset | None:
    """Return the model or environment itself. Raises SpecError where no specification has what is referred to."""
    found = written_here(asset, known)
    if found is None and isinstance(asset, AssetReference):
        raise _unresolved(kind, asset, known, deployment)
    return found


def _unresolved(
    kind: str, reference: AssetReference, known: Mapping[tuple[str, str], Asset], deployment: Deployment
) -> SpecError:
    have = ", ".join(f"{name}:{version}" for name, version in sorted(known)) or "none"
    return SpecError(
        f"deployment {deployment.name}: {kind} {reference.text} is in no specification; found: {have}",
        remedy=f"Add a {kind} file with that name and version, or write the {kind} inside the deployment.",
        at=reference.at or deployment.at,
    )


def _model(root: Path, deployment: Deployment, model: Model) -> Resource:
    if model.path is None or model.content is None:
        raise Unsupported(
            f"deployment {deployment.name}: model {model.name or '(inline)'} has no local files",
            remedy="Point the model's path at a folder of this project.",
            at=where(model, "path"),
        )
    digest = model.content.sha256
    name = model.name or f"{deployment.endpoint_name}-{deployment.name}"
    version = model.version or digest[:12]
    properties = {
        "name": name,
        "version": version,
        "type": model.type,
        "path": relative_to(root, model.path),
        "contentHash": digest,
        "description": model.description,
        "tags": dict(model.tags),
        "properties": dict(model.properties),
    }
    return Resource("Model", f"{name}@{version}", frozen_map(properties))


def relative_to(root: Path, path: Path) -> str:
    """Return `path` as seen from the project, so that a checkout elsewhere plans the same."""
    absolute = path if path.is_absolute() else root / path
    return absolute.relative_to(root).as_posix() if absolute.is_relative_to(root) else str(absolute)


def _deployment_properties(
    deployment: Deployment,
    kind: ServerKind,
    environment: str,
    reads: Mapping[str, str],
    identity: str | None,
) -> dict[str, object]:
    variables = deployment.environment_variables
    return {
        "endpoint": deployment.endpoint_name,
        "name": deployment.name,
        "server": str(kind),
        "environment": Output(environment, "key"),
        "environmentVariables": {k: v for k, v in variables.items() if not isinstance(v, SecretReference)},
        "secretEnvironmentVariables": {k: v for k, v in variables.items() if isinstance(v, SecretReference)},
        "connections": dict(sorted(reads.items())),
        "connectionRevisions": {
            behind: Output(f"Connection:{behind}", "revision") for behind in sorted(set(reads.values()))
        },
        "identity": identity,
        "instanceType": deployment.instance_type,
        "instanceCount": deployment.instance_count,
        "requestTimeoutMs": deployment.request_settings.request_timeout_ms,
        "maxConcurrentRequests": concurrency(deployment, kind),
        "livenessProbe": _probe(deployment.liveness_probe),
        "readinessProbe": _probe(deployment.readiness_probe),
        "description": deployment.description,
        "tags": dict(deployment.tags),
    }


def _probe(probe: Probe) -> dict[str, int]:
    return {
        "initialDelay": probe.initial_delay,
        "period": probe.period,
        "timeout": probe.timeout,
        "successThreshold": probe.success_threshold,
        "failureThreshold": probe.failure_threshold,
    }


def _code(root: Path, deployment: Deployment) -> Resource | None:
    """Return the folder of a scoring script as a version of its own, named by its content."""
    code = deployment.code_configuration
    if code is None or code.content is None:
        return None
    digest = code.content.sha256
    name = f"{deployment.endpoint_name}-{deployment.name}-code"
    properties = {
        "name": name,
        "version": digest[:12],
        "type": "code",
        "path": relative_to(root, code.code),
        "contentHash": digest,
        "description": "",
        "tags": {},
        "properties": {},
    }
    return Resource("Model", f"{name}@{digest[:12]}", frozen_map(properties))


def _reference(model: Resource) -> dict[str, object]:
    return {key: model.properties[key] for key in ("name", "version", "contentHash")}


def _script(code: Resource, deployment: Deployment) -> dict[str, object]:
    script = deployment.code_configuration.scoring_script if deployment.code_configuration else ""
    return {**_reference(code), "scoringScript": script}


def _refuse_undefined(specs: SpecSet, deployment: Deployment, connection: str) -> None:
    if connection in specs.connections:
        return
    have = ", ".join(sorted(specs.connections)) or "none"
    raise SpecError(
        f"deployment {deployment.name} reads connection {connection}, which no specification defines; found: {have}",
        remedy=f"Add connections/{connection}.yaml, or name another in environment_variables.",
        at=where(deployment, "model"),
    )


def _refuse_ungranted(
    deployment: Deployment, identity: str | None, connection: str, held: tuple[Assignment, ...]
) -> None:
    if identity and may_read(identity, connection, held):
        return
    raise AccessDenied(
        f"deployment {deployment.name} reads connection {connection}, but"
        f" identity {identity or '(none)'} lacks role '{SECRETS_READER}' at scope workspace",
        remedy="Set properties.enforce_access_to_default_secret_stores: enabled on the endpoint,"
        f" or grant the role in access.yaml (identity: {identity or 'NAME'}, scope: workspace).",
        at=where(deployment, "model"),
    )
