"""Long-running operations of ARM: where to look, and what is seen there. Pure.

ARM has three ways: a URL of the operation (Azure-AsyncOperation), a URL of its result (Location), or only the
resource's own provisioningState. (Azure Resource Manager RPC: asynchronous operations.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sluice.targets.azure.transport import Request, Response

_ENDED: Final = frozenset({"succeeded", "failed", "canceled", "cancelled"})


class Way(StrEnum):
    """How an operation is followed."""

    STATUS = "status"
    RESULT = "result"
    RESOURCE = "resource"


@dataclass(frozen=True)
class Operation:
    """An operation under way: the request that began it, where it is followed, and where its result is read.

    `result` is empty where there is nothing to read at the end.
    """

    request: Request
    way: Way
    url: str
    result: str = ""


@dataclass(frozen=True)
class Seen:
    """What was seen of an operation. `failed` says that it ended badly; `body` is then the error."""

    ended: bool
    failed: bool = False
    body: Any = None


def begun(request: Request, answer: Response) -> Operation | None:
    """Return the operation that an answer says is under way; None where all is done."""
    keeps = request.method in {"PUT", "PATCH"}
    if url := answer.headers.get("azure-asyncoperation"):
        place = request.url if keeps else answer.headers.get("location", "") if request.method == "POST" else ""
        return Operation(request, Way.STATUS, url, place)
    if answer.status == 202 and (url := answer.headers.get("location")):
        return Operation(request, Way.RESULT, url, request.url if keeps else "")
    if answer.status in {200, 201, 202} and keeps and not _state_ended(answer.body):
        return Operation(request, Way.RESOURCE, request.url)
    if answer.status == 202 and request.method == "DELETE":
        return Operation(request, Way.RESOURCE, request.url)
    return None


def seen(operation: Operation, answer: Response) -> Seen:
    """Return what a look at an operation shows: an answer below 400, or the 404 that ends a delete."""
    if answer.status == 404 and operation.request.method == "DELETE":
        return Seen(ended=True)
    if operation.way is Way.RESULT:
        return Seen(ended=answer.status != 202, body=answer.body)
    state = _status(answer.body) if operation.way is Way.STATUS else _state(answer.body)
    if operation.way is Way.RESOURCE and operation.request.method == "DELETE":
        return Seen(ended=state == "failed", failed=state == "failed", body=answer.body)
    ended = state in _ENDED or (state is None and answer.status != 202)
    return Seen(ended=ended, failed=ended and state not in {None, "succeeded"}, body=answer.body)


def settled(body: Any) -> bool:
    """Tell whether nothing is under way on a resource."""
    return _state_ended(body)


def _state_ended(body: Any) -> bool:
    state = _state(body)
    return state is None or state in _ENDED


def _state(body: Any) -> str | None:
    properties = body.get("properties") if isinstance(body, Mapping) else None
    state = properties.get("provisioningState") if isinstance(properties, Mapping) else None
    return str(state).lower() if state else None


def _status(body: Any) -> str | None:
    status = body.get("status") if isinstance(body, Mapping) else None
    return str(status).lower() if status else None
