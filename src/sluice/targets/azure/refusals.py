"""ARM's answers of refusal as our errors: what was wrong, and what to do about it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from sluice.errors import AccessDenied, NotFound, SluiceError
from sluice.targets.azure.errors import AzureFailed, AzureLogin
from sluice.targets.azure.transport import Request, Response

_LONGEST: Final = 1500
_ACTION = re.compile(
    r"perform action(?:\(s\))? '(?P<action>[^']+)' (?:over scope|on the linked scope\(s\)) '(?P<scope>[^']+)'"
)
_WHO = re.compile(r"object id '(?P<who>[0-9a-fA-F-]{36})'")
_TAKEN = re.compile(r"already (taken|in use|exists)|not available|must be unique", re.IGNORECASE)
# Which built-in role has an action, by how the action begins; the first that fits.
_ROLES: Final = (
    ("microsoft.authorization/", "Role Based Access Control Administrator"),
    ("microsoft.managedidentity/userassignedidentities/assign", "Managed Identity Operator"),
    ("microsoft.storage/storageaccounts/blobservices/containers/blobs", "Storage Blob Data Contributor"),
    ("microsoft.keyvault/vaults/secrets", "Key Vault Secrets User"),
    ("microsoft.containerregistry/registries/push", "AcrPush"),
    ("microsoft.containerregistry/registries/pull", "AcrPull"),
)
_REMEDIES: Final = {
    "SubscriptionNotFound": "Check `subscription` in stacks/<stack>/stack.yaml, and the login: az account show.",
    "ResourceGroupNotFound": "Check `resourceGroup` in stacks/<stack>/stack.yaml.",
    "RoleAssignmentExists": "Somebody has given this role already; run again: it is then taken as it is.",
    "OutOfQuota": "Ask for more quota, or take fewer or smaller instances.",
    "TooManyRequests": "Wait a little, then run it again: it goes on where it stopped.",
    "InvalidSubscriptionId": "Write the subscription's id in stacks/<stack>/stack.yaml: az account show --query id.",
    "PrincipalNotFound": "A new identity takes minutes to be known everywhere: run it again.",
    "InvalidResourceLocation": "Something of this name is in another region: choose another name, or that region.",
    "ReadOnlyDisabledSubscription": "The subscription is disabled: an owner turns it on again in the portal.",
    "MissingSubscriptionRegistration": "Register the provider: az provider register -n"
    " Microsoft.MachineLearningServices --wait",
}


def refusal(request: Request, answer: Response) -> SluiceError:
    """Return the error that an answer of 400 or more is."""
    arm_code, message = said(answer.body)
    what = f"{request.method} {named(request.url)}"
    if answer.status == 401:
        return AzureLogin(
            f"Azure does not take the login: {message or 'it has ended'}",
            remedy="Log in again: az login --tenant TENANT. The tenant is the subscription's.",
        )
    if answer.status == 403 and arm_code not in _REMEDIES:
        return _denied(what, message)
    if answer.status == 404 and arm_code not in _REMEDIES:
        return NotFound(f"Azure has no {named(request.url)}: {message or 'not found'}")
    words = f"{what}: {arm_code or f'HTTP {answer.status}'}: {message}".rstrip(": ")
    remedy = _REMEDIES.get(arm_code) or _by_status(answer.status, message)
    return AzureFailed(words, remedy=remedy, details=_details(answer.body), status=answer.status, arm_code=arm_code)


def operation_failed(request: Request, body: Any) -> AzureFailed:
    """Return the error of a long-running operation that ended badly."""
    arm_code, message = said(body)
    words = f"{request.method} {named(request.url)}: {arm_code or 'failed'}: {message}".rstrip(": ")
    return AzureFailed(words, remedy=_REMEDIES.get(arm_code, ""), details=_details(body), status=200, arm_code=arm_code)


def _by_status(status: int, message: str) -> str:
    """Return what to do about an answer that only its status tells apart."""
    if status == 409 and _TAKEN.search(message):
        return "Names of endpoints are unique in a region: choose another, or go on with yours (sluice list)."
    if status in {409, 412}:
        return "Something else changes it at this moment: wait until it is done (sluice status), then run it again."
    if status == 429:
        return _REMEDIES["TooManyRequests"]
    if status >= 500:
        return "Azure itself fails: look at its status page, then run it again: it goes on where it stopped."
    return ""


def _denied(what: str, message: str) -> AccessDenied:
    found = _ACTION.search(message)
    if not found:
        return AccessDenied(f"{what}: Azure refuses: {message}", remedy="See: sluice access check.")
    who = _WHO.search(message)
    line = (
        f"az role assignment create --assignee {who['who'] if who else 'OBJECT_ID'}"
        f" --role '{role_for(found['action'])}' --scope {found['scope']}"
    )
    return AccessDenied(
        f"{what}: the login lacks {found['action']} at {found['scope']}",
        remedy="Ask an administrator to run the line above, or one for a role of your own that has it. All that is"
        " missing: sluice access check. A role that was given just now takes minutes to take effect.",
        details=line,
    )


def role_for(action: str) -> str:
    """Return the least of the built-in roles that has an action."""
    return next((role for begin, role in _ROLES if action.lower().startswith(begin)), "Contributor")


def said(body: Any) -> tuple[str, str]:
    """Return ARM's code and message: of an error, or of an operation or a resource that holds one."""
    error = body.get("error", body) if isinstance(body, Mapping) else None
    if not isinstance(error, Mapping):
        return "", ""
    return str(error.get("code") or ""), str(error.get("message") or "")[:_LONGEST]


def _details(body: Any) -> str:
    error = body.get("error", body) if isinstance(body, Mapping) else None
    return "\n".join(_inner(error, 0))[:_LONGEST] if isinstance(error, Mapping) else ""


def _inner(error: Mapping[str, Any], depth: int) -> Iterator[str]:
    """Yield the causes below an error: ARM nests them, and the innermost says most."""
    inner = error.get("details")
    for one in inner if isinstance(inner, list) and depth < 4 else ():
        if isinstance(one, Mapping):
            yield f"{'  ' * depth}{one.get('code', '')}: {one.get('message', '')}".strip()
            yield from _inner(one, depth + 1)


def named(url: str) -> str:
    """Return what a URL is about: kind and name, without host, query and the long way there."""
    path = url.partition("?")[0].partition("://")[2].partition("/")[2]
    parts = path.rpartition("providers/")[2].split("/")[1:] or path.split("/")
    return "/".join(parts[2:] if len(parts) > 2 and parts[0] == "workspaces" else parts)
