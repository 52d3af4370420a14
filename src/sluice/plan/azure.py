"""The graph of a stack on Azure Machine Learning: from frozen specs to ARM resources as data, pure.

A resource holds its ARM id (`id`) and its body (`body`), but for those that are ours: uploads and traffic. The order
is that of the service: what an identity may do stands before the endpoint that acts as it; deployments stand after
all they are made of; weights come last, in a resource of their own. They are never part of the endpoint, whose body
would name deployments that are not there yet, and whose next change would take the live weights back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

from sluice.errors import AccessDenied, Unsupported
from sluice.plan.access import SECRETS_READER, WORKSPACE, Assignment
from sluice.plan.azure_assets import Asset, Assets, digest
from sluice.plan.azure_bodies import deployment_body, endpoint_body
from sluice.plan.azure_connections import connection_resource
from sluice.plan.azure_references import asset_id
from sluice.plan.azure_roles import (
    ROLE_IDS,
    Principal,
    assignment_key,
    assignment_name,
    assignment_resource,
    azure_gives_secrets,
    endpoint_principals,
    flow_of,
    held,
    principals,
)
from sluice.plan.azure_site import Site, Tree, Written
from sluice.plan.azure_values import part, without_none
from sluice.plan.azure_variables import environment_variables
from sluice.plan.connections import connections_read
from sluice.plan.graph import Graph, Output, Resource
from sluice.plan.local import Goal
from sluice.spec.frozen import frozen_map
from sluice.spec.models import Deployment, Endpoint, SpecSet, where
from sluice.spec.references import asset_reference, written_here
from sluice.spec.terms import AssetReference


def plan_azure(specs: SpecSet, goals: Mapping[str, Goal], site: Site, written: Written) -> Graph:
    """Return the resource graph of a stack on Azure.

    Args:
        specs: checked specifications.
        goals: the weights to be, by endpoint.
        site: the workspace, and what is known of it.
        written: the same specifications as plain values, with what their files hold.

    Raises:
        SpecError: a reference, role or scope that leads nowhere, or a file that is not there.
        AccessDenied: a deployment reads a connection that its identity will have no role for.
        Unsupported: what Azure has not.
    """
    known, given = principals(specs, site), held(specs, site, written)
    made = tuple(one for one in given if assignment_name(one, _principal(one, known), site) not in site.granted)
    plan = _Plan(specs, site, written, known, given, made)
    return Graph(_ordered([*plan.shared(), *plan.endpoints(goals)]))


def _ordered(resources: Iterable[Resource]) -> tuple[Resource, ...]:
    """Return resources so that each stands after all it needs, else in the order given; each key once."""
    unique = {resource.key: resource for resource in resources}
    needs = {key: [need for need in one.needs if need in unique] for key, one in unique.items()}
    return tuple(unique[key] for key in TopologicalSorter(needs).static_order())


@dataclass(frozen=True)
class _Plan:
    specs: SpecSet
    site: Site
    written: Written
    known: Mapping[str, Principal]
    held: tuple[Assignment, ...]
    made: tuple[Assignment, ...]

    def shared(self) -> Iterator[Resource]:
        """Yield what belongs to no endpoint: identities, connections, role assignments."""
        yield from (made for one in self.known.values() if (made := one.resource(self.site)))
        for connection in self.specs.connections.values():
            yield connection_resource(connection, self.written.tree("connection", connection.name), self.site)
        for one in self.made:
            yield assignment_resource(one, self.known[one.identity], self.site)

    def endpoints(self, goals: Mapping[str, Goal]) -> Iterator[Resource]:
        """Yield endpoints with all that is theirs."""
        for endpoint in self.specs.endpoints.values():
            yield from _EndpointPlan(self, endpoint).resources(goals.get(endpoint.name, Goal()))


@dataclass(frozen=True)
class _EndpointPlan:
    plan: _Plan
    endpoint: Endpoint

    def resources(self, goal: Goal) -> Iterator[Resource]:
        endpoint = self._endpoint()
        mine = [one for one in self.plan.specs.deployments if one.endpoint_name == self.endpoint.name]
        parts = [made for deployment in mine for made in self._deployment(deployment, endpoint.key)]
        running = [made.key for made in parts if made.type == "OnlineDeployment"]
        yield from (endpoint, *parts, self._traffic(goal, endpoint, running))

    def _endpoint(self) -> Resource:
        ids = tuple(one.id for one in self._identities if not one.endpoint)
        body = endpoint_body(self.endpoint, ids, self.plan.site)
        before = [one for one in self._made_for if not self.plan.known[one.identity].endpoint]
        needs = (*(one.key for one in self._identities if not one.endpoint), *map(_key, before))
        properties = {"id": self._id, "body": body}
        return Resource("OnlineEndpoint", self.endpoint.name, frozen_map(properties), needs, self.endpoint.name)

    def _traffic(self, goal: Goal, endpoint: Resource, running: list[str]) -> Resource:
        """Weights are set again whenever the endpoint itself is: its update may have taken them back."""
        properties = {
            "id": self._id,
            "endpoint": self.endpoint.name,
            "weights": None if goal.weights is None else dict(goal.weights),
            "mirror": dict(goal.mirror),
            "deployments": [key.rpartition("/")[2] for key in running],
            "trigger": digest(endpoint.properties["body"]),
        }
        needs = (endpoint.key, *running)
        return Resource("Traffic", self.endpoint.name, frozen_map(properties), needs, self.endpoint.name)

    def _deployment(self, deployment: Deployment, endpoint_key: str) -> Iterator[Resource]:
        tree = self.plan.written.tree("deployment", deployment.endpoint_name, deployment.name)
        _refuse_other_form(deployment, self.endpoint)
        reads = self._readable(deployment)
        linked, assets = self._links(deployment, tree)
        for asset in assets:
            yield from asset.resources
        body = deployment_body(deployment, tree, linked, self.plan.site)
        needs = [endpoint_key, *(asset.key for asset in assets), *map(_key, self._made_for)]
        needs += [f"WorkspaceConnection:{name}" for name in reads if name in self.plan.specs.connections]
        name = f"{deployment.endpoint_name}/{deployment.name}"
        properties = {"id": f"{self._id}/deployments/{deployment.name}", "body": body}
        yield Resource(
            "OnlineDeployment", name, frozen_map(properties), tuple(dict.fromkeys(needs)), self.endpoint.name
        )

    def _links(self, deployment: Deployment, tree: Tree) -> tuple[dict[str, Any], list[Asset]]:
        """Return the properties that say what a deployment is made of, and the assets that are made for it."""
        model, environment = self._model(deployment, tree), self._environment(deployment, tree)
        code = self._made.code(deployment) or self._code_elsewhere(deployment, tree)
        flow = flow_of(deployment, self.plan.specs) is not None
        links = {
            "model": _id_of(model),
            "environmentId": _id_of(environment),
            "environmentVariables": environment_variables(deployment, self.plan.site, self._client_id, flow=flow)
            or None,
        }
        if code:
            script = (part(tree, "code_configuration") or {}).get("scoring_script")
            links["codeConfiguration"] = without_none({"codeId": _id_of(code), "scoringScript": script})
        return links, [one for one in (model, environment, code) if isinstance(one, Asset)]

    def _model(self, deployment: Deployment, tree: Tree) -> Asset | str | None:
        model = written_here(deployment.model, self.plan.specs.models)
        if model is None:
            return self._elsewhere(deployment.model, "models")
        named = self.plan.written.tree("model", model.name or "", model.version or "")
        return self._made.model(deployment, model, named or tree.get("model") or {})

    def _environment(self, deployment: Deployment, tree: Tree) -> Asset | str | None:
        environment = written_here(deployment.environment, self.plan.specs.environments)
        if environment is None:
            return self._elsewhere(deployment.environment, "environments")
        named = self.plan.written.tree("environment", environment.name or "", environment.version or "")
        return self._made.environment(deployment, environment, named or tree.get("environment") or {})

    def _elsewhere(self, reference: object, collection: str) -> str | None:
        return asset_id(reference, collection, self.plan.site) if isinstance(reference, AssetReference) else None

    def _code_elsewhere(self, deployment: Deployment, tree: Tree) -> str | None:
        """Return the id of code that is in the workspace or a registry already."""
        named = (part(tree, "code_configuration") or {}).get("code")
        if not named or deployment.code_configuration:
            return None
        return asset_id(
            asset_reference(str(named), where(deployment, "code_configuration.code")), "codes", self.plan.site
        )

    def _readable(self, deployment: Deployment) -> tuple[str, ...]:
        """Return the connections a deployment reads. Raises AccessDenied where its identity will have no role for one.

        An identity that was there before may have its roles from elsewhere: Azure knows.
        """
        reads = tuple(sorted(set(connections_read(deployment, flow_of(deployment, self.plan.specs)).values())))
        reader = next(iter(self._identities), None)
        for name in reads:
            if reader is None or (reader.made and not self._may_read(name)):
                raise _denied(deployment, name, reader.name if reader else "(none)")
        return reads

    def _may_read(self, connection: str) -> bool:
        """Tell whether the endpoint's identity may read a connection; a role of one's own is taken to allow it."""
        if azure_gives_secrets(self.endpoint):
            return True
        scopes = {WORKSPACE, f"connection/{connection}", self.plan.site.id}
        roles = {one.role for one in self._assignments if one.scope in scopes}
        return any(role == SECRETS_READER or role not in ROLE_IDS for role in roles)

    @property
    def _identities(self) -> tuple[Principal, ...]:
        return endpoint_principals(self.endpoint, self.plan.known)

    @property
    def _assignments(self) -> tuple[Assignment, ...]:
        names = {one.name for one in self._identities}
        return tuple(one for one in self.plan.held if one.identity in names)

    @property
    def _made_for(self) -> tuple[Assignment, ...]:
        names = {one.name for one in self._identities}
        return tuple(one for one in self.plan.made if one.identity in names)

    @property
    def _client_id(self) -> Output | None:
        named = next((one for one in self._identities if not one.endpoint), None)
        return Output(named.key, "clientId") if named else None

    @property
    def _made(self) -> Assets:
        return Assets(self.plan.site, self.plan.written, self.plan.specs.root)

    @property
    def _id(self) -> str:
        return self.plan.site.within("onlineEndpoints", self.endpoint.name)


def _principal(one: Assignment, known: Mapping[str, Principal]) -> Principal:
    """Return whose assignment it is. Raises AccessDenied for an identity that nothing is known of."""
    if one.identity in known:
        return known[one.identity]
    raise AccessDenied(
        f"access gives '{one.role}' to {one.identity}, which is no identity of this stack",
        remedy="Write an endpoint's name, or the ARM id of a user-assigned identity.",
    )


def _key(one: Assignment) -> str:
    return f"RoleAssignment:{assignment_key(one)}"


def _id_of(asset: Asset | str | None) -> str | None:
    return asset.id if isinstance(asset, Asset) else asset


def _denied(deployment: Deployment, connection: str, identity: str) -> AccessDenied:
    return AccessDenied(
        f"deployment {deployment.name} reads connection {connection}, but identity {identity} lacks role"
        f" '{SECRETS_READER}' at scope workspace",
        remedy="Set `enforce_access_to_default_secret_stores: enabled` among the endpoint's properties, or grant the"
        " role in access.yaml.",
        at=where(deployment, "model"),
    )


def _refuse_other_form(deployment: Deployment, endpoint: Endpoint) -> None:
    """Raise Unsupported for a deployment of the other form than its endpoint's."""
    kubernetes = deployment.type == "kubernetes"
    if kubernetes != bool(endpoint.compute):
        form = "a Kubernetes" if endpoint.compute else "a managed"
        raise Unsupported(
            f"deployment {deployment.name}: its type is {deployment.type}, and {endpoint.name} is {form} endpoint",
            remedy="A Kubernetes endpoint has `compute`, its deployments `type: kubernetes`.",
            at=where(deployment, "type"),
        )
