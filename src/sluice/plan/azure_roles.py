"""Who may do what on Azure: the identities of a stack, and their role assignments as resources. Pure.

Ids of built-in roles: Azure built-in roles (Microsoft Learn). What a system-assigned identity is given by Azure
itself is left to Azure: a second assignment of the same role is refused there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sluice.errors import SpecError
from sluice.plan.access import ENFORCE, SECRETS_READER, WORKSPACE, Assignment, assignments, identities_of, last_part
from sluice.plan.azure_connections import by_entra, resource_of
from sluice.plan.azure_site import Site, Written, name_of
from sluice.plan.connections import connections_read
from sluice.plan.graph import Output, Resource
from sluice.spec.frozen import frozen_map
from sluice.spec.models import Deployment, Endpoint, Flow, Grant, IdentityType, SpecSet
from sluice.spec.references import written_here

OPENAI_USER: Final = "Cognitive Services OpenAI User"
METRICS_WRITER: Final = "AzureML Metrics Writer (preview)"
ROLE_IDS: Final = {
    "AzureML Data Scientist": "f6c7c914-8db3-469d-8ca1-694a8f32e121",
    SECRETS_READER: "ea01e6af-a1c1-4350-9563-ad00f8c72ec5",
    METRICS_WRITER: "635dd51f-9968-44d3-b7fb-6d9a6bd613ae",
    "AcrPull": "7f951dda-4ed3-4680-a7ca-43fe172d538d",
    "AcrPush": "8311e382-0749-4cb8-b61a-304f252e45ec",
    "Storage Blob Data Reader": "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
    "Storage Blob Data Contributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "Storage File Data Privileged Contributor": "69566ab7-960f-475b-8e7c-b3118f30c6bd",
    "Key Vault Administrator": "00482a5a-887f-4fb3-b363-3b7fe8e74483",
    "Key Vault Secrets User": "4633458b-17de-408a-b874-0445c86b69e6",
    "Contributor": "b24988ac-6180-42a0-ab88-20f7382dd24c",
    "Role Based Access Control Administrator": "f58310d9-a9f6-439a-9e8d-f62e7b41a168",
    "Managed Identity Operator": "f1a07417-d97a-45cb-824c-7a7467783830",
    OPENAI_USER: "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd",
    "Cognitive Services OpenAI Contributor": "a001fd3d-188f-4b5d-821b-7da978bf7442",
    "Monitoring Metrics Publisher": "3913510d-42f4-4e42-8a64-420c390055eb",
}
_NAMES: Final = {guid: name for name, guid in ROLE_IDS.items()}
# Given by Azure to an endpoint's own identity when the endpoint is made (concept-endpoints-online-auth).
_SYSTEM_HAS: Final = frozenset(
    {("AcrPull", "registry"), ("Storage Blob Data Reader", "storage"), (METRICS_WRITER, WORKSPACE)}
)


@dataclass(frozen=True)
class Principal:
    """An identity: an endpoint's own (`endpoint`), or a user-assigned one with an ARM id.

    `made`: the stack makes it; else it is there already.
    """

    name: str
    endpoint: str | None = None
    id: str = ""
    made: bool = True

    @property
    def key(self) -> str:
        """Return the key of the resource whose identity it is."""
        return f"OnlineEndpoint:{self.endpoint}" if self.endpoint else f"UserAssignedIdentity:{self.name}"

    @property
    def principal_id(self) -> Output:
        """Return what roles are assigned to."""
        return Output(self.key, "identity.principalId" if self.endpoint else "principalId")

    def resource(self, site: Site) -> Resource | None:
        """Return a user-assigned identity's resource; None for an endpoint's own. `existing` ones are looked up."""
        if self.endpoint:
            return None
        known: dict[str, Any] = {"id": self.id} if self.made else {"id": self.id, "existing": True}
        return Resource("UserAssignedIdentity", self.name, frozen_map(known | {"body": {"location": site.location}}))


def principals(specs: SpecSet, site: Site) -> Mapping[str, Principal]:
    """Return every identity of a stack by its name: of its endpoints, and those that access files name by ARM id.

    Raises SpecError for two identities of one name.
    """
    found: dict[str, Principal] = {}
    for one in (*_of_endpoints(specs, site), *_of_grants(specs, site)):
        known = found.setdefault(one.name, one)
        if known.id.lower() != one.id.lower():
            raise SpecError(
                f"two identities have the name {one.name}: {known.id} and {one.id}",
                remedy="Use one of them in this stack.",
            )
    return found


def _of_endpoints(specs: SpecSet, site: Site) -> Iterator[Principal]:
    for endpoint in specs.endpoints.values():
        if endpoint.identity.type is IdentityType.SYSTEM_ASSIGNED:
            yield Principal(endpoint.name, endpoint=endpoint.name)
        yield from (_user_assigned(written, site) for written in endpoint.identity.resource_ids)


def _of_grants(specs: SpecSet, site: Site) -> Iterator[Principal]:
    for grant in _grants(specs):
        if grant.identity.startswith("/"):
            yield _user_assigned(grant.identity, site)


def _user_assigned(written: str, site: Site) -> Principal:
    """Return the identity that an ARM id names; a plain name is one of the resource group that the stack makes."""
    name = last_part(written)
    if "/" not in written:
        return Principal(name, id=site.identity_id(name))
    return Principal(name, id=written.rstrip("/"), made=name in site.identities)


def endpoint_principals(endpoint: Endpoint, known: Mapping[str, Principal]) -> tuple[Principal, ...]:
    """Return the identities of an endpoint; the first reads its secrets."""
    return tuple(known[name] for name in identities_of(endpoint) if name in known)


def held(specs: SpecSet, site: Site, written: Written) -> tuple[Assignment, ...]:
    """Return the role assignments that the stack makes, each once, sorted: derived ones and those of access files."""
    derived: set[Assignment] = set()
    if not any(file.replace for file in specs.access):
        derived = {*assignments(specs.endpoints.values(), ()), *_openai(specs, written)}
        if site.registry is None:  # there is nothing to pull from
            derived = {one for one in derived if one.scope != "registry"}
    granted = {Assignment(last_part(one.identity), _role(one.role), one.scope) for one in _grants(specs)}
    return tuple(sorted(one for one in derived | granted if not _azure_gives(one, specs)))


def _grants(specs: SpecSet) -> Iterator[Grant]:
    yield from (grant for file in specs.access for grant in file.grants)


def _role(written: str) -> str:
    return _NAMES.get(written.lower(), written)


def _azure_gives(one: Assignment, specs: SpecSet) -> bool:
    endpoint = specs.endpoints.get(one.identity)
    return endpoint is not None and one in given_by_azure(endpoint)


def given_by_azure(endpoint: Endpoint) -> tuple[Assignment, ...]:
    """Return what Azure itself gives an endpoint's own identity when it makes the endpoint."""
    if endpoint.identity.type is not IdentityType.SYSTEM_ASSIGNED:
        return ()
    given = _SYSTEM_HAS | ({(SECRETS_READER, WORKSPACE)} if azure_gives_secrets(endpoint) else set())
    return tuple(Assignment(endpoint.name, role, scope) for role, scope in sorted(given))


def azure_gives_secrets(endpoint: Endpoint) -> bool:
    """Tell whether Azure itself lets an endpoint's own identity read the workspace's connections."""
    asked = str(endpoint.properties.get(ENFORCE, "")).lower() == "enabled"
    return asked and endpoint.identity.type is IdentityType.SYSTEM_ASSIGNED


def _openai(specs: SpecSet, written: Written) -> Iterator[Assignment]:
    """Yield what the deploy document asks for where a flow reaches Azure OpenAI by its identity, not by a key."""
    for deployment in specs.deployments:
        endpoint = specs.endpoints.get(deployment.endpoint_name)
        names = identities_of(endpoint) if endpoint else ()
        for connection in connections_read(deployment, flow_of(deployment, specs)).values():
            tree = written.tree("connection", connection)
            if tree.get("type") == "azure_open_ai" and by_entra(tree) and (service := resource_of(tree)):
                yield from (Assignment(name, OPENAI_USER, service) for name in names)


def flow_of(deployment: Deployment, specs: SpecSet) -> Flow | None:
    """Return the flow a deployment serves; None where it serves something else, or its model is not written here."""
    model = written_here(deployment.model, specs.models)
    return model.content.flow if model and model.content else None


def assignment_resource(one: Assignment, principal: Principal, site: Site) -> Resource:
    """Return a role assignment as a resource.

    Its name follows from principal, role and scope, so that every plan of the same means the same assignment.
    Raises SpecError for a role or a scope that nothing is known of.
    """
    scope, role = scope_id(one, site), role_id(one, site)
    properties = {
        "principalId": principal.principal_id,
        "principalType": "ServicePrincipal",  # without it a new identity, not yet known everywhere, is refused
        "roleDefinitionId": role,
    }
    name = assignment_name(one, principal, site)
    assignment_id = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"
    needs = [principal.key]
    if one.scope.startswith("connection/"):
        needs.append(f"WorkspaceConnection:{one.scope.removeprefix('connection/')}")
    body = {"id": assignment_id, "body": {"properties": properties}}
    return Resource("RoleAssignment", assignment_key(one), frozen_map(body), tuple(needs), principal.endpoint)


def assignment_name(one: Assignment, principal: Principal, site: Site) -> str:
    """Return the GUID an assignment has where the stack makes it. Raises SpecError as `assignment_resource` does."""
    holder = principal.id or site.within("onlineEndpoints", principal.name)
    return name_of(holder, role_id(one, site), scope_id(one, site))


def assignment_key(one: Assignment) -> str:
    """Return the name of an assignment in the graph."""
    return f"{one.identity}/{one.role}/{one.scope}"


def scope_id(one: Assignment, site: Site) -> str:
    """Return the ARM id an assignment is for. Raises SpecError for what the workspace has not."""
    if one.scope.startswith("/"):
        return one.scope.rstrip("/")
    if one.scope.startswith("connection/"):
        return site.within("connections", one.scope.removeprefix("connection/"))
    found = {WORKSPACE: site.id, "registry": site.registry, "storage": site.storage}.get(one.scope)
    if found is None:
        raise SpecError(
            f"the role '{one.role}' of {one.identity} is for {one.scope}, which workspace {site.workspace} has not",
            remedy="Scopes are workspace, registry and storage (where it has them), connection/NAME, or an ARM id.",
        )
    return found


def role_id(one: Assignment, site: Site) -> str:
    """Return the ARM id of a role. Raises SpecError for a name that is none of the built-in ones known here."""
    if one.role.startswith("/"):
        return one.role
    guid = ROLE_IDS.get(one.role) or (one.role if _is_guid(one.role) else None)
    if guid is None:
        raise SpecError(
            f"the role '{one.role}' of {one.identity} is none of those known here by name",
            remedy="Write its id: az role definition list --name ROLE --query [].name",
        )
    return f"/subscriptions/{site.subscription}/providers/Microsoft.Authorization/roleDefinitions/{guid}"


def _is_guid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False
