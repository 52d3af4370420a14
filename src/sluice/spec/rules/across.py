"""Rules across files: what one specification says of another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sluice.errors import Mark
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import error_at, nearest, note_at, warning_at
from sluice.spec.models import Deployment, Endpoint
from sluice.spec.nodes import Node, mark_of
from sluice.spec.references import Asset, find_local
from sluice.spec.rules import rollout_across
from sluice.spec.rules.serving import serving_findings
from sluice.spec.rules.timeouts import FLOW_PROPERTY, long_timeout, timeout_mark, too_long
from sluice.spec.rules.world import World, endpoint_of, model_of
from sluice.spec.terms import AssetReference

# Azure's limits (quota page); both can be raised.
_DEPLOYMENTS_OF_AN_ENDPOINT = 20
_ENDPOINTS_OF_A_REGION = 100


def across_findings(world: World) -> Iterator[Diagnostic]:
    """Yield what is wrong between specifications."""
    yield from endpoint_limit(world)
    for endpoint, node in world.endpoints:
        yield from traffic_targets(endpoint, node, world)
        yield from deployment_limit(endpoint, world)
    for deployment, node in world.deployments:
        yield from endpoint_found(deployment, node, world)
        yield from resolved(deployment, world)
        yield from environment_needed(deployment, node, world)
        yield from timeout(deployment, node, world)
        yield from serving_findings(deployment, world)
    yield from grants(world)
    yield from rollout_across.findings(world)


def traffic_targets(endpoint: Endpoint, node: Node, world: World) -> Iterator[Diagnostic]:
    """Traffic goes to deployments that exist."""
    known = [one.name for one, _ in world.deployments if one.endpoint_name == endpoint.name]
    for key, weights in (("traffic", endpoint.traffic or {}), ("mirror_traffic", endpoint.mirror_traffic)):
        for name in weights:
            hidden = world.hides("deployment", endpoint.name, name) or _stands_elsewhere(name, endpoint, world)
            if name not in known and not hidden:
                at = mark_of(node, key, name)
                yield error_at(
                    at,
                    f"`{key}` names `{name}`: {_no_deployment(endpoint, known)}",
                    _meant(name, known),
                    "traffic-target",
                )


def _stands_elsewhere(name: str, endpoint: Endpoint, world: World) -> bool:
    """Tell whether a deployment of that name misspells this endpoint's: then that is the mistake, and told there."""
    names = [one.name for one, _ in world.endpoints]
    return any(
        one.name == name and one.endpoint_name not in names and nearest(one.endpoint_name, names) == endpoint.name
        for one, _ in world.deployments
    )


def _no_deployment(endpoint: Endpoint, known: list[str]) -> str:
    have = f"it has {', '.join(known)}" if known else "it has none"
    return f"no deployment of `{endpoint.name}` has this name; {have}"


def _meant(name: str, known: list[str]) -> str:
    meant = nearest(name, known)
    return f"Did you mean `{meant}`?" if meant else "Add the deployment, or remove it here."


def deployment_limit(endpoint: Endpoint, world: World) -> Iterator[Diagnostic]:
    """Azure takes 20 deployments behind an endpoint."""
    count = sum(one.endpoint_name == endpoint.name for one, _ in world.deployments)
    if count > _DEPLOYMENTS_OF_AN_ENDPOINT:
        message = f"`{endpoint.name}` has {count} deployments; Azure allows {_DEPLOYMENTS_OF_AN_ENDPOINT}"
        yield note_at(endpoint.at, message, "", "azure-limit")


def endpoint_limit(world: World) -> Iterator[Diagnostic]:
    """Azure takes 100 endpoints in a subscription and region."""
    if len(world.endpoints) > _ENDPOINTS_OF_A_REGION:
        count = len(world.endpoints)
        message = f"there are {count} endpoints; Azure allows {_ENDPOINTS_OF_A_REGION} in a subscription and region"
        yield note_at(world.endpoints[0][0].at, message, "", "azure-limit")


def endpoint_found(deployment: Deployment, node: Node, world: World) -> Iterator[Diagnostic]:
    """A deployment's endpoint exists, and is of the same form."""
    name, at = deployment.endpoint_name, mark_of(node, "endpoint_name")
    found = endpoint_of(deployment, world)
    if found is None:
        if not world.hides("endpoint", name):
            meant = nearest(name, [one.name for one, _ in world.endpoints])
            remedy = f"Did you mean `{meant}`?" if meant else "Add a specification of the endpoint."
            yield error_at(at, f"no endpoint has the name `{name}`", remedy, "endpoint")
    elif (found.compute is not None) != (deployment.type == "kubernetes"):
        form = "a Kubernetes" if found.compute else "a managed"
        message = f"`{name}` is {form} endpoint, the deployment's `type` is {deployment.type}"
        remedy = "A Kubernetes endpoint has `compute`, its deployments `type: kubernetes`."
        yield error_at(at, message, remedy, "endpoint")


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
    if remote or world.hides(kind, reference.name or "") or find_local(reference, known):
        return
    versions = [version for name, version in known if name == reference.name]
    have = f"; here it has version {', '.join(versions)}" if versions else ""
    message = f"`{reference.text}` is not among the specifications{have}: expected in the workspace"
    yield warning_at(reference.at or Mark("?"), message, "Add its specification to have it here too.", "unresolved")


def environment_needed(deployment: Deployment, node: Node, world: World) -> Iterator[Diagnostic]:
    """A managed deployment needs an environment, unless its model is an MLflow one."""
    if deployment.environment is not None or deployment.type == "kubernetes" or _hidden_model(deployment, world):
        return
    model = model_of(deployment, world)
    if model is None or model.type != "mlflow_model":
        message = "`environment` is missing; only MLflow models do without"
        remedy = "Name an environment, or set the model's `type: mlflow_model`."
        yield warning_at(node.at, message, remedy, "no-environment")


def timeout(deployment: Deployment, node: Node, world: World) -> Iterator[Diagnostic]:
    """Over 180 s a managed deployment may take a request only for a model that says it is a flow."""
    asked = long_timeout(node)
    if not asked or not isinstance(deployment.model, AssetReference) or _hidden_model(deployment, world):
        return
    model = model_of(deployment, world)
    if model is None or FLOW_PROPERTY not in model.properties:
        yield too_long(asked, timeout_mark(node), known=model is not None)


def _hidden_model(deployment: Deployment, world: World) -> bool:
    """Tell whether the deployment's model is in a specification that could not be read: nothing is known of it."""
    return isinstance(deployment.model, AssetReference) and world.hides("model", deployment.model.name or "")


def grants(world: World) -> Iterator[Diagnostic]:
    """A grant is for an endpoint's own identity, by the endpoint's name, or for one with an ARM id."""
    known = [endpoint.name for endpoint, _ in world.endpoints]
    for grant in (grant for access in world.access for grant in access.grants):
        name = grant.identity
        if "/" in name or name in known or world.hides("endpoint", name):
            continue
        meant = nearest(name, known)
        remedy = f"Did you mean `{meant}`?" if meant else "Name an endpoint, or the ARM id of a user-assigned identity."
        yield warning_at(grant.at, f"the identity `{name}` belongs to no endpoint", remedy, "identity")
