"""ARM itself, simulated: takes a request, keeps the rules of every type, answers as ARM does."""

from __future__ import annotations

import uuid
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from tests.azure.simulator import directory, endpoints, operations, region, roles
from tests.azure.simulator.bodies import faults
from tests.azure.simulator.names import (
    ASSIGNMENT,
    CONNECTION,
    DEPLOYMENT,
    ENDPOINT,
    IDENTITY,
    ML,
    VERSIONS,
    Target,
    target,
)
from tests.azure.simulator.world import Body, Operation, Refused, Stored, World

_LONG = frozenset({ENDPOINT, DEPLOYMENT})
_LOOKS = "/subscriptions/sub/providers/Microsoft.MachineLearningServices/locations/westeurope/operations/"
_FIXED = ("modelUri", "modelType", "image", "build", "condaFile", "inferenceConfig", "osType", "codeUri", "isAnonymous")
_ACTIONS = {"PUT": "write", "PATCH": "write", "DELETE": "delete", "GET": "read", "POST": "action"}


@dataclass
class Answer:
    """What is sent back."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Azure:
    """Answers requests. `base` is where it is reached."""

    world: World
    base: str = ""

    def __post_init__(self) -> None:
        world = self.world
        group = f"/subscriptions/{world.subscription}/resourceGroups/{world.group}"
        properties = {
            "containerRegistry": f"{group}/providers/Microsoft.ContainerRegistry/registries/images",
            "storageAccount": f"{group}/providers/Microsoft.Storage/storageAccounts/blobs",
            "keyVault": f"{group}/providers/Microsoft.KeyVault/vaults/keys",
            "provisioningState": "Succeeded",
        }
        world.store(target(world.workspace_id), {"location": world.location, "properties": properties})

    def answer(self, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: Any) -> Answer:
        """Answer one request. Raises Refused."""
        self.world.requests.append((method, path))
        self._check_caller(method, path, headers)
        if not query.get("api-version"):
            raise Refused(400, "MissingApiVersionParameter", "The api-version query parameter is required.")
        named = target(path)
        if "/operations/" in path:
            return self._operation(path.rpartition("/")[2])
        self._check_place(named)
        told = (
            directory.answered(self.world, method, path, query)
            or region.answered(self.world, method, path)
            or operations.measured(self.world, method, path, query)
        )
        if told is not None:
            return Answer(200, told)
        if method == "POST":
            return self._action(path, body)
        if not named.name:
            return self._list(named)
        return {"GET": self._get, "PUT": self._put, "DELETE": self._delete}[method](named, headers, body)

    def _check_caller(self, method: str, path: str, headers: dict[str, str]) -> None:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or token not in self.world.tokens:
            raise Refused(401, "ExpiredAuthenticationToken", "The access token has expired.", WWW_Authenticate="Bearer")
        action = f"{target(path).type}/{_ACTIONS[method]}"
        if action in {one.lower() for one in self.world.settings.denied}:
            message = roles.lacking(action, path)
            raise Refused(403, "AuthorizationFailed", message)

    def _check_place(self, named: Target) -> None:
        parts = named.id.split("/")
        if parts[2] != self.world.subscription:
            raise Refused(404, "SubscriptionNotFound", f"The subscription '{parts[2]}' could not be found.")
        if len(parts) > 4 and parts[3].lower() == "resourcegroups" and parts[4] not in {self.world.group, "ai"}:
            raise Refused(404, "ResourceGroupNotFound", f"Resource group '{parts[4]}' could not be found.")
        if named.type.startswith(ML + "/"):
            self.world.must("/".join(parts[:9]))

    def _get(self, named: Target, _headers: dict[str, str], _body: Any) -> Answer:
        found = self.world.must(named.id)
        if found.operation:
            self.world.look(self.world.operations[found.operation])
            found = self.world.must(named.id)
        return self._shown(200, found)

    def _shown(self, status: int, found: Stored) -> Answer:
        body = found.shown()
        if found.operation and "properties" in body:
            creating = body["properties"].get("provisioningState") == "Creating"
            body["properties"]["provisioningState"] = "Creating" if creating else "Updating"
        if found.target.type == CONNECTION:
            body["properties"]["credentials"] = None
        tagged = found.target.type == ENDPOINT and self.world.settings.etags
        return Answer(status, body, {"ETag": f'"{found.version}"'} if tagged else {})

    def _list(self, named: Target) -> Answer:
        type_ = named.type
        if type_ == DEPLOYMENT:
            self.world.must(named.id.rpartition("/")[0])
        found = [self._shown(200, one).body for one in self.world.below(named.id.rpartition("/")[0], type_)]
        return Answer(200, {"value": found})

    def _put(self, named: Target, headers: dict[str, str], body: Any) -> Answer:
        if wrong := faults(named.type, body):
            raise Refused(400, "InvalidRequestContent", "; ".join(wrong))
        known = self.world.resources.get(named.key)
        if known and known.operation:
            raise Refused(409, "Conflict", f"Another operation is in progress on {named.name}.")
        if "if-match" in headers and known and headers["if-match"] != f'"{known.version}"':
            raise Refused(412, "PreconditionFailed", "The resource has changed since it was read.")
        wanted = self._as_kept(named, body, known)
        if named.type not in _LONG:
            return self._shown(200 if known else 201, self.world.store(named, wanted))
        return self._put_slowly(named, wanted, known)

    def _put_slowly(self, named: Target, wanted: Body, known: Stored | None) -> Answer:
        if known is None:
            fresh = deepcopy(wanted)
            fresh["properties"]["provisioningState"] = "Creating"
            self.world.store(named, fresh)
        reason = endpoints.fault_of(self.world, named) if named.type == DEPLOYMENT else None
        error = {"code": "BadArgument", "message": reason} if reason else None

        def finish() -> None:
            if error:
                wanted["properties"]["provisioningState"] = "Failed"
            self.world.store(named, wanted)
            if known is None and named.type == ENDPOINT:
                endpoints.made(self.world, named)

        operation = self.world.begin(named, finish, error)
        shown = self._shown(200 if known else 201, self.world.must(named.id))
        if operation:
            shown.headers |= self._followed(operation)
            shown.status = 202 if self.world.settings.way == "result" else shown.status
        return shown

    def _followed(self, operation: Operation) -> dict[str, str]:
        url = f"{self.base}{_LOOKS}{operation.id}?api-version=2025-12-01"
        ways = {"status": {"Azure-AsyncOperation": url}, "result": {"Location": url}, "resource": {}}
        return {**ways[self.world.settings.way], "Retry-After": "0"}

    def _operation(self, operation_id: str) -> Answer:
        operation = self.world.operations[operation_id]
        self.world.look(operation)
        if self.world.settings.way == "result":
            if operation.error and operation.status == "Failed":
                raise Refused(400, operation.error["code"], operation.error["message"])
            return Answer(202 if operation.status == "InProgress" else 200, None, {"Retry-After": "0"})
        error = {"error": operation.error} if operation.status == "Failed" else {}
        return Answer(200, {"status": operation.status, **error}, {"Retry-After": "0"})

    def _delete(self, named: Target, _headers: dict[str, str], _body: Any) -> Answer:
        known = self.world.resources.get(named.key)
        if known is None:
            return Answer(204)
        if known.operation:
            raise Refused(409, "Conflict", f"Another operation is in progress on {named.name}.")
        endpoints.removed(self.world, named)

        def finish() -> None:
            for key in [key for key in self.world.resources if key == named.key or key.startswith(named.key + "/")]:
                del self.world.resources[key]

        if named.type not in _LONG:
            finish()
            return Answer(200)
        operation = self.world.begin(named, finish)
        return Answer(202, None, self._followed(operation)) if operation else Answer(200)

    def _as_kept(self, named: Target, body: Body, known: Stored | None) -> Body:
        if named.type == ENDPOINT:
            return endpoints.endpoint(self.world, named, body, known)
        if named.type == DEPLOYMENT:
            return endpoints.deployment(self.world, named, body, known)
        if named.type == ASSIGNMENT:
            return roles.assign(self.world, named, body)
        if named.type == IDENTITY:
            told = (
                known.body["properties"] if known else {"principalId": str(uuid.uuid4()), "clientId": str(uuid.uuid4())}
            )
            return {**deepcopy(body), "properties": told}
        if named.type in VERSIONS:
            self._check_version(named, body, known)
        return deepcopy(dict(body))

    def _check_version(self, named: Target, body: Body, known: Stored | None) -> None:
        """A version's content is its name's for good; its container comes with it."""
        if self.world.find(named.parent) is None:
            self.world.store(target(named.parent), {"properties": {}})
        before, now = (known.body["properties"], body["properties"]) if known else ({}, {})
        changed = [key for key in _FIXED if before.get(key) != now.get(key)]
        if changed:
            raise Refused(
                409,
                "Conflict",
                f"{named.parent.rpartition('/')[2]}:{named.name} exists with another {', '.join(changed)}.",
            )

    def _action(self, path: str, body: Any) -> Answer:
        thing, _, action = path.rpartition("/")
        found = self.world.must(thing)
        return Answer(200, operations.acted(self.world, found, action.lower(), body))
