"""What of a plan is on Azure already: read before anything is registered, so that what can't be is refused first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from urllib.parse import quote

from sluice.errors import NotFound
from sluice.plan.azure_roles import Principal, assignment_name, held, principals, role_id, scope_id
from sluice.plan.azure_site import Site, Written, same_id
from sluice.plan.graph import Graph, Resource
from sluice.spec.frozen import frozen_map
from sluice.spec.models import SpecSet
from sluice.targets.azure.arm import ArmClient
from sluice.targets.azure.operations import settled
from sluice.targets.azure.refusals import named

ASSETS: Final = frozenset(
    {"ModelContainer", "ModelVersion", "EnvironmentContainer", "EnvironmentVersion", "CodeVersion"}
)
"""What belongs to no stack alone: it may be there before a stack is, and stays after it."""

_AT_ONCE: Final = 8
_ROLES: Final = "providers/Microsoft.Authorization/roleAssignments"
A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True)
class Live:
    """What exists.

    Attributes:
        bodies: by the key of the resource.
        weights: live weights by endpoint; copies (mirror traffic) count as weight.
    """

    bodies: Mapping[str, Mapping[str, Any]] = field(default_factory=frozen_map, repr=False)
    weights: Mapping[str, Mapping[str, int]] = field(default_factory=frozen_map)


def read_live(arm: ArmClient, graph: Graph, *, wait: bool) -> Live:
    """Return what of a plan's endpoints, deployments and assets exists. Raises what ArmClient raises.

    With `wait`, what an earlier run, or somebody else, has begun is waited for: Azure takes no other change meanwhile.
    """
    endpoints = dict(_existing(arm, graph.of("OnlineEndpoint"), wait=wait))
    assets = dict(_existing(arm, [one for one in graph.resources if one.type in ASSETS]))
    deployments = dict(_deployments(arm, graph, endpoints, wait=wait))
    weights = {key.partition(":")[2]: _weights(body) for key, body in endpoints.items()}
    return Live(frozen_map({**endpoints, **assets, **deployments}), frozen_map(weights))


def _existing(
    arm: ArmClient, planned: Sequence[Resource], *, wait: bool = False
) -> Iterator[tuple[str, dict[str, Any]]]:
    bodies = _at_once(lambda one: _ended(arm, _read(arm, str(one.properties["id"])), wait=wait), planned)
    return ((one.key, body) for one, body in zip(planned, bodies, strict=True) if body is not None)


def _ended(arm: ArmClient, body: dict[str, Any] | None, *, wait: bool) -> dict[str, Any] | None:
    """Return a resource as it is once nothing is under way on it; at once where nobody waits."""
    if not wait or body is None or settled(body):
        return body
    arm.report(f"{named(arm.base + str(body['id']))}: Azure is still at work on it; waiting")
    return arm.settled(str(body["id"])).body


def _deployments(
    arm: ArmClient, graph: Graph, endpoints: Mapping[str, Mapping[str, Any]], *, wait: bool
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the deployments of endpoints that exist: one list for each endpoint."""
    there = [one for one in graph.of("OnlineEndpoint") if one.key in endpoints]
    lists = _at_once(lambda one: list(arm.listed(f"{one.properties['id']}/deployments")), there)
    for endpoint, listed in zip(there, lists, strict=True):
        for body in listed:
            yield f"OnlineDeployment:{endpoint.name}/{body.get('name')}", _ended(arm, body, wait=wait) or body


def granted(arm: ArmClient, specs: SpecSet, site: Site, written: Written) -> frozenset[str]:
    """Return the names of the stack's role assignments that somebody else has made already, under names of theirs.

    Azure refuses a second assignment of a role to an identity at a scope. Identities that are not there yet have none.
    """
    known = principals(specs, site)
    wanted = [(one, known[one.identity]) for one in held(specs, site, written) if one.identity in known]
    ids = _principal_ids(arm, {principal.key: principal for _, principal in wanted}.values(), site)
    scopes = sorted({(ids[who.key], scope_id(one, site)) for one, who in wanted if ids.get(who.key)})
    found = dict(zip(scopes, _at_once(lambda pair: _assignments(arm, *pair), scopes), strict=True))
    return frozenset(
        assignment_name(one, who, site)
        for one, who in wanted
        if _given_by_others(
            found.get((ids.get(who.key, ""), scope_id(one, site)), []),
            role_id(one, site),
            scope_id(one, site),
            assignment_name(one, who, site),
        )
    )


def _given_by_others(found: Iterable[Mapping[str, Any]], role: str, scope: str, name: str) -> bool:
    guid = role.rpartition("/")[2].lower()
    return any(
        str(one["properties"].get("roleDefinitionId", "")).lower().endswith(guid)
        and same_id(str(one["properties"].get("scope", "")), scope)
        and str(one.get("name")).lower() != name.lower()
        for one in found
    )


def _principal_ids(arm: ArmClient, wanted: Iterable[Principal], site: Site) -> dict[str, str]:
    there = list(wanted)
    places = [site.within("onlineEndpoints", one.name) if one.endpoint else one.id for one in there]
    bodies = _at_once(lambda place: _read(arm, place) or {}, places)
    shares = [
        (body.get("identity" if one.endpoint else "properties") or {}) for one, body in zip(there, bodies, strict=True)
    ]
    return {one.key: str(share.get("principalId") or "") for one, share in zip(there, shares, strict=True)}


def _assignments(arm: ArmClient, principal: str, scope: str) -> list[dict[str, Any]]:
    """Return what an identity itself has been given at a scope; nothing where the scope is not there yet."""
    try:
        asked = {"$filter": quote(f"atScope() and assignedTo('{principal}')")}
        listed = list(arm.listed(f"{scope}/{_ROLES}", **asked))
    except NotFound:
        return []
    return [one for one in listed if one.get("properties", {}).get("principalId") == principal]


def _weights(body: Mapping[str, Any]) -> dict[str, int]:
    told = body.get("properties") or {}
    shares = [told.get(key) or {} for key in ("mirrorTraffic", "traffic")]
    return {name: int(weight) for share in shares for name, weight in share.items() if weight}


def _read(arm: ArmClient, arm_id: str) -> dict[str, Any] | None:
    try:
        return arm.read(arm_id).body
    except NotFound:
        return None


def _at_once(work: Callable[[A], B], things: Sequence[A]) -> list[B]:
    """Return the result of each, several at a time: most of it is waiting for Azure."""
    if len(things) < 2:
        return [work(one) for one in things]
    with ThreadPoolExecutor(min(_AT_ONCE, len(things))) as pool:
        return list(pool.map(work, things))
