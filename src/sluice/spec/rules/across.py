"""Rules across files: what one specification says of another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sluice.errors import Mark
from sluice.spec.findings import error_at, nearest, warning_at
from sluice.spec.models import (
    Access,
    AssetReference,
    Connection,
    Deployment,
    Diagnostic,
    Endpoint,
    Environment,
    Flow,
    IdentityType,
    Model,
)
from sluice.spec.nodes import Node, mark_of
from sluice.spec.references import Asset, connection_used, find_local

FLOW_PROPERTY = "azureml.promptflow.source_flow_id"
MANAGED_TIMEOUT_MS = 180_000


@dataclass(frozen=True)
class World:
    """Every specification that could be read, with the node where marks are needed.

    `unread` holds kind and key of those that broke their schema: what names them is not wrong.
    """

    root: Path
    endpoints: tuple[tuple[Endpoint, Node], ...]
    deployments: tuple[tuple[Deployment, Node], ...]
    models: Mapping[tuple[str, str], Model]
    environments: Mapping[tuple[str, str], Environment]
    connections: Mapping[str, Connection]
    access: tuple[Access, ...]
    unread: frozenset[tuple[str, ...]]


def across_findings(world: World) -> Iterator[Diagnostic]:
    """Yield what is wrong between specifications."""
    for endpoint, node in world.endpoints:
        yield from traffic_targets(endpoint, node, world)
        yield from limits(endpoint, world)
    for deployment, node in world.deployments:
        yield from endpoint_of(deployment, node, world)
        yield from resolved(deployment, world)
        yield from environment_needed(deployment, node, world)
        yield from timeout(deployment, node, world)
        yield from flow_connections(deployment, world)
        yield from client_id(deployment, node, world)
    yield from grants(world)


def model_of(deployment: Deployment, world: World) -> Model | None:
    """Return the model a deployment serves, if it is written in this project."""
    if isinstance(deployment.model, AssetReference):
        return find_local(deployment.model, world.models)
    return deployment.model


def traffic_targets(endpoint: Endpoint, node: Node, world: World) -> Iterator[Diagnostic]:
    """Traffic goes to deployments that exist."""
    known = [one.name for one, _ in world.deployments if one.endpoint_name == endpoint.name]
    for key, weights in (("traffic", endpoint.traffic or {}), ("mirror_traffic", endpoint.mirror_traffic)):
        for name in weights:
            if name not in known and ("deployment", endpoint.name, name) not in world.unread:
                at = mark_of(node, key, name)
                yield error_at(
                    at,
                    f"`{key}` names `{name}`: {_no_deployment(endpoint, known)}",
                    _meant(name, known),
                    "traffic-target",
                )


def _no_deployment(endpoint: Endpoint, known: list[str]) -> str:
    have = f"it has {', '.join(known)}" if known else "it has none"
    return f"no deployment of `{endpoint.name}` has this name; {have}"


def _meant(name: str, known: list[str]) -> str:
    meant = nearest(name, known)
    return f"Did you mean `{meant}`?" if meant else "Add the deployment, or remove it here."


def limits(endpoint: Endpoint, world: World) -> Iterator[Diagnostic]:
    """Azure takes 20 deployments behind an endpoint."""
    count = sum(one.endpoint_name == endpoint.name for one, _ in world.deployments)
    if count > 20:
        yield warning_at(endpoint.at, f"`{endpoint.name}` has {count} deployments; Azure allows 20", "", "quota")


def endpoint_of(deployment: Deployment, node: Node, world: World) -> Iterator[Diagnostic]:
    """A deployment's endpoint exists, and is of the same form."""
    name, at = deployment.endpoint_name, mark_of(node, "endpoint_name")
    found = next((one for one, _ in world.endpoints if one.name == name), None)
    if found is None:
        if ("endpoint", name) not in world.unread:
            known = [one.name for one, _ in world.endpoints]
            meant = nearest(name, known)
            remedy = f"Did you mean `{meant}`?" if meant else "Add a specification of the endpoint."
            yield error_at(at, f"no endpoint has the name `{name}`", remedy, "endpoint")
    elif (found.compute is not None) != (deployment.type == "kubernetes"):
        form = "a Kubernetes" if found.compute else "a managed"
        message = f"`{name}` is {form} endpoint, the deployment's `type` is {deployment.type}"
        yield error_at(
            at, message, "A Kubernetes endpoint has `compute`, its deployments `type: kubernetes`.", "endpoint"
        )


def resolved(deployment: Deployment, world: World) -> Iterator[Diagnostic]:
    """References by name lead to a specification here; if not, the asset must be in the workspace already."""
    if isinstance(deployment.model, AssetReference):
        yield from _unresolved("model", deployment.model, world.models, world)
    if isinstance(deployment.environment, AssetReference):
        yield from _unresolved("environment", deployment.environment, world.environments, world)


def _unresolved(
    kind: str, reference: AssetReference, known: Mapping[tuple[str, str], Asset], world: World
) -> Iterator[Diagnostic]:
    remote = reference.text.startswith(("azureml:/", "/"))
    broken = any(key[0] == kind and key[1] == reference.name for key in world.unread)
    if remote or broken or find_local(reference, known):
        return
    versions = [version for name, version in known if name == reference.name]
    have = f"; here it has version {', '.join(versions)}" if versions else ""
    message = f"`{reference.text}` is not among the specifications{have}: expected in the workspace"
    yield warning_at(reference.at or Mark("?"), message, "Add its specification to have it here too.", "unresolved")


def environment_needed(deployment: Deployment, node: Node, world: World) -> Iterator[Diagnostic]:
    """A managed deployment needs an environment, unless its model is an MLflow one."""
    if deployment.environment is not None or deployment.type == "kubernetes":
        return
    model = model_of(deployment, world)
    if model is None or model.type != "mlflow_model":
        message = "`environment` is missing; only MLflow models do without"
        yield warning_at(
            node.at, message, "Name an environment, or set the model's `type: mlflow_model`.", "environment"
        )


def timeout(deployment: Deployment, node: Node, world: World) -> Iterator[Diagnostic]:
    """Over 180 s a managed deployment may take a request only for a model that says it is a flow."""
    asked = deployment.request_settings.request_timeout_ms
    if asked <= MANAGED_TIMEOUT_MS or deployment.type == "kubernetes":
        return
    model = model_of(deployment, world)
    if model and FLOW_PROPERTY in model.properties:
        return
    at = mark_of(node, "request_settings", "request_timeout_ms")
    message = f"`request_timeout_ms` is {asked}; Azure allows {MANAGED_TIMEOUT_MS}, and 300000 for prompt flow models"
    yield warning_at(at, message, f"Add the property `{FLOW_PROPERTY}` to the model if it is a flow.", "timeout")


def flow_of(deployment: Deployment, world: World) -> Flow | None:
    """Return the flow a deployment serves, if it serves one written in this project."""
    model = model_of(deployment, world)
    return model.content.flow if model and model.content else None


def flow_connections(deployment: Deployment, world: World) -> Iterator[Diagnostic]:
    """A flow's connections are among the specifications; if not, they must be in the workspace already."""
    flow = flow_of(deployment, world)
    for use in flow.connections if flow else ():
        name = connection_used(use.name, deployment.environment_variables)
        if name in world.connections or ("connection", name) in world.unread:
            continue
        user = f"the flow of `{deployment.name}` (node `{use.node}`)"
        message = f"{user} uses the connection `{name}`, which is not among the specifications"
        meant = nearest(name, list(world.connections))
        remedy = f"Did you mean `{meant}`?" if meant else "Add it to connections/, or it must exist in the workspace."
        yield warning_at(deployment.at, message, remedy, "connection")


def client_id(deployment: Deployment, node: Node, world: World) -> Iterator[Diagnostic]:
    """With a user-assigned identity a flow is told the identity's client id."""
    endpoint = next((one for one, _ in world.endpoints if one.name == deployment.endpoint_name), None)
    if not endpoint or endpoint.identity.type is not IdentityType.USER_ASSIGNED or not flow_of(deployment, world):
        return
    if "AZURE_CLIENT_ID" not in deployment.environment_variables:
        message = "the endpoint's identity is user-assigned; its flow needs `AZURE_CLIENT_ID`"
        remedy = "Add the identity's client id to `environment_variables`."
        yield warning_at(mark_of(node, "environment_variables"), message, remedy, "identity")


def grants(world: World) -> Iterator[Diagnostic]:
    """A grant is for an endpoint's own identity, by the endpoint's name, or for one with an ARM id."""
    known = [endpoint.name for endpoint, _ in world.endpoints]
    for grant in (grant for access in world.access for grant in access.grants):
        name = grant.identity
        if "/" in name or name in known or ("endpoint", name) in world.unread:
            continue
        meant = nearest(name, known)
        remedy = f"Did you mean `{meant}`?" if meant else "Name an endpoint, or the ARM id of a user-assigned identity."
        yield warning_at(grant.at, f"the identity `{name}` belongs to no endpoint", remedy, "identity")
