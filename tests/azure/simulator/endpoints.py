"""Endpoints and deployments in the simulator: the service's own rules.

From how-to-safely-rollout-online-endpoints, concept-endpoints-online-auth, how-to-manage-quotas, and the
mutability of the API's fields.
"""

from __future__ import annotations

import math
import re
import uuid
from copy import deepcopy

from tests.azure.simulator.names import DEPLOYMENT, Target
from tests.azure.simulator.roles import ACR_PULL, BLOB_READER, METRICS_WRITER, SECRETS_READER, give, holds, lacking
from tests.azure.simulator.world import Body, Refused, Stored, World

from sluice.spec.rules.skus import size_of

_NAME = re.compile(r"[A-Za-z](-?[A-Za-z0-9])+")
_ENFORCE = "enforce_access_to_default_secret_stores"
_MOST_DEPLOYMENTS, _MOST_INSTANCES, _MOST_MIRRORED = 20, 50, 50


def endpoint(world: World, named: Target, body: Body, known: Stored | None) -> Body:
    """Return an endpoint as it will be. What a PUT does not say is gone: weights, too."""
    _check_name(named)
    if known is None and named.name.lower() in {name.lower() for name in world.settings.taken}:
        raise Refused(409, "Conflict", f"The endpoint name {named.name} is already taken in {world.location}.")
    if known and known.body["location"].lower() != body["location"].lower():
        raise Refused(400, "InvalidResourceLocation", "The location of an endpoint can't be changed.")
    _check_identity(world, body)
    properties = deepcopy(body["properties"])
    traffic, mirror = properties.get("traffic") or {}, properties.get("mirrorTraffic") or {}
    _check_traffic(world, named, traffic, mirror)
    if mirror and properties.get("compute"):
        raise _bad("Mirrored traffic is not supported on Kubernetes endpoints.")
    told = {
        "scoringUri": world.settings.scoring.format(name=named.name, location=world.location),
        "swaggerUri": f"https://{named.name}.{world.location}.inference.ml.azure.com/swagger.json",
        "provisioningState": "Succeeded",
    }
    properties |= {"traffic": traffic, "mirrorTraffic": mirror, **told}
    identity = _identity(world, body.get("identity") or {"type": "SystemAssigned"}, known)
    return {**deepcopy(body), "identity": identity, "properties": properties, "kind": "Managed"}


def made(world: World, named: Target) -> None:
    """Do what the service does when an endpoint is new: give its own identity its roles."""
    body = world.must(named.id).body
    if "SystemAssigned" not in body["identity"]["type"]:
        return
    principal = body["identity"]["principalId"]
    workspace = world.must(world.workspace_id).body["properties"]
    give(world, principal, ACR_PULL, workspace["containerRegistry"])
    give(world, principal, BLOB_READER, workspace["storageAccount"])
    give(world, principal, METRICS_WRITER, world.workspace_id)
    if (body["properties"].get("properties") or {}).get(_ENFORCE) == "enabled":
        give(world, principal, SECRETS_READER, world.workspace_id)


def _check_identity(world: World, body: Body) -> None:
    identity = body.get("identity") or {}
    enforced = (body["properties"].get("properties") or {}).get(_ENFORCE) == "enabled"
    if enforced and identity.get("type") == "UserAssigned":
        raise _bad(f"{_ENFORCE} is not supported with a user-assigned identity.")
    if enforced and not world.settings.lists_secrets:
        raise Refused(
            403,
            "AuthorizationFailed",
            lacking("Microsoft.MachineLearningServices/workspaces/connections/listsecrets/action", world.workspace_id),
        )
    for arm_id in identity.get("userAssignedIdentities") or {}:
        world.must(arm_id)


def _identity(world: World, identity: Body, known: Stored | None) -> Body:
    named = {
        arm_id: {key: world.must(arm_id).body["properties"][key] for key in ("principalId", "clientId")}
        for arm_id in identity.get("userAssignedIdentities") or {}
    }
    found: Body = {"type": identity["type"]} | ({"userAssignedIdentities": named} if named else {})
    if "SystemAssigned" in identity["type"]:
        before = (known.body.get("identity") or {}) if known else {}
        found["principalId"] = before.get("principalId") or str(uuid.uuid4())
        found["tenantId"] = "00000000-0000-0000-0000-000000000001"
    return found


def _check_traffic(world: World, named: Target, traffic: dict[str, int], mirror: dict[str, int]) -> None:
    existing = {one.target.name: one for one in world.below(named.id, DEPLOYMENT)}
    for name, weight in (*traffic.items(), *mirror.items()):
        if name not in existing:
            raise _bad(f"Traffic names the deployment {name}, which does not exist.")
        if not 0 <= weight <= 100:
            raise _bad(f"The weight {weight} of {name} is not between 0 and 100.")
        if weight and existing[name].body["properties"]["provisioningState"] != "Succeeded":
            raise _bad(f"The deployment {name} is not ready for traffic.")
    if sum(traffic.values()) not in {0, 100}:
        raise _bad(f"Traffic sums to {sum(traffic.values())}; it must be 0 or 100.")
    copied = {name: weight for name, weight in mirror.items() if weight}
    if len(copied) > 1 or any(weight > _MOST_MIRRORED for weight in copied.values()):
        raise _bad("Mirrored traffic goes to one deployment, 50 percent at most.")
    if any(traffic.get(name) for name in copied):
        raise _bad("A deployment can't have live traffic and mirrored traffic.")


def deployment(world: World, named: Target, body: Body, known: Stored | None) -> Body:
    """Return a deployment as it will be."""
    _check_name(named)
    above = world.must(named.parent)
    if above.operation or above.body["properties"]["provisioningState"] != "Succeeded":
        raise Refused(409, "Conflict", f"The endpoint {above.target.name} is being changed.")
    properties = body["properties"]
    kubernetes = properties["endpointComputeType"].lower() == "kubernetes"
    if kubernetes != bool(above.body["properties"].get("compute")):
        raise _bad("The deployment's compute type is not its endpoint's.")
    if body["location"].lower() != above.body["location"].lower():
        raise _bad("The deployment's location is not its endpoint's.")
    if known is None and len(list(world.below(named.parent, DEPLOYMENT))) >= _MOST_DEPLOYMENTS:
        raise _bad(f"An endpoint has {_MOST_DEPLOYMENTS} deployments at most.")
    if known and known.body["properties"].get("instanceType") != properties.get("instanceType"):
        raise _bad("The instance type of a deployment can't be changed.")
    _check_parts(world, properties)
    if not kubernetes:
        _check_quota(world, named, body)
    return {**deepcopy(body), "properties": {**deepcopy(properties), "provisioningState": "Succeeded"}}


def _check_parts(world: World, properties: Body) -> None:
    code = properties.get("codeConfiguration") or {}
    for arm_id in (properties.get("model"), properties.get("environmentId"), code.get("codeId")):
        if arm_id and not arm_id.startswith("azureml://registries/"):
            world.must(arm_id)


def fault_of(world: World, named: Target) -> str | None:
    """Return why a deployment does not come up: its identity lacks a role, or it is meant to fail."""
    if reason := world.settings.failing.get(f"{named.parent.rpartition('/')[2]}/{named.name}"):
        return reason
    workspace = world.must(world.workspace_id).body["properties"]
    for principal in _principals(world.must(named.parent)):
        if not holds(world, principal, ACR_PULL, workspace["containerRegistry"]):
            return "The identity of the endpoint can't pull images: it lacks AcrPull on the registry."
        if not holds(world, principal, BLOB_READER, workspace["storageAccount"]):
            return "The identity of the endpoint can't read the model: it lacks Storage Blob Data Reader."
    return None


def _principals(above: Stored) -> list[str]:
    identity = above.body["identity"]
    named = [one["principalId"] for one in (identity.get("userAssignedIdentities") or {}).values()]
    return named or ([identity["principalId"]] if "principalId" in identity else [])


def _check_quota(world: World, named: Target, body: Body) -> None:
    count = (body.get("sku") or {}).get("capacity", 1)
    if count > _MOST_INSTANCES:
        raise _bad(f"A deployment has {_MOST_INSTANCES} instances at most.")
    size = size_of(body["properties"].get("instanceType") or "")
    if size is None:
        raise _bad("The instance type is not supported.")
    used = cores_used(world, size.family, named)
    limit = world.settings.cores.get(size.family)
    if limit is not None and used + _cores(body) > limit:
        raise Refused(
            400,
            "OutOfQuota",
            f"Not enough quota of {size.family}: {used} of {limit} cores are used, {_cores(body)} are asked for.",
        )


def cores_used(world: World, family: str, but: Target | None = None) -> int:
    """Return the cores of a family that deployments take, `but` one of them."""
    found = (one for one in world.resources.values() if one.target.type == DEPLOYMENT)
    return sum(_cores(one.body) for one in found if _family(one.body) == family and one.target != but)


def _family(body: Body) -> str | None:
    size = size_of(body["properties"].get("instanceType") or "")
    return size.family if size else None


def _cores(body: Body) -> int:
    """Azure keeps a fifth more in reserve, but for some sizes."""
    size = size_of(body["properties"].get("instanceType") or "")
    count = int((body.get("sku") or {}).get("capacity", 1))
    if size is None:
        return 0
    return (count if size.exempt else math.ceil(1.2 * count)) * size.cores


def removed(world: World, named: Target) -> None:
    """Refuse to remove a deployment that has traffic."""
    if named.type != DEPLOYMENT:
        return
    properties = world.must(named.parent).body["properties"]
    for share in ("traffic", "mirrorTraffic"):
        if (properties.get(share) or {}).get(named.name):
            raise _bad(f"The deployment {named.name} has {share}; set it to 0 before it is deleted.")


def _check_name(named: Target) -> None:
    if not (3 <= len(named.name) <= 32 and _NAME.fullmatch(named.name)):
        raise _bad(f"The name {named.name} is invalid.")


def _bad(message: str) -> Refused:
    return Refused(400, "BadRequest", message)
