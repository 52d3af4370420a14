"""Whom a run asks: a deployment of an endpoint on this machine, or any address."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from sluice.errors import NotFound, UsageError
from sluice.runs.asking import DEPLOYMENT, EndpointAsker, Server
from sluice.runs.creating import Asked
from sluice.spec.frozen import frozen_map
from sluice.targets.local.endpoints import mint_token
from sluice.targets.local.state import EndpointState

_TOKEN_S: Final = 12 * 3600


def asked_endpoint(state: EndpointState, deployment: str | None) -> Asked:
    """Return what a run says of the endpoint it asks. Raises NotFound for a deployment that it has not."""
    if deployment and deployment not in state.deployments:
        raise NotFound(f"deployment {deployment} does not exist; found: {', '.join(state.deployments) or 'none'}")
    return Asked(f"http://127.0.0.1:{state.port}/score", state.name, deployment or "")


def endpoint_headers(state: EndpointState, deployment: str | None) -> Mapping[str, str]:
    """Return the headers that open an endpoint's door, and name the deployment whatever its weight. Secret."""
    credential = state.primary if state.auth_mode == "key" else mint_token(state, time.time(), _TOKEN_S)[0]
    return frozen_map({"authorization": f"Bearer {credential}", **({DEPLOYMENT: deployment} if deployment else {})})


def asked_address(url: str, deployment: str | None) -> Asked:
    """Return what a run says of any address. Raises UsageError for what is none, or holds a credential."""
    import httpx

    try:
        found = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise UsageError(f"--url is no address ({error})", remedy="Write http(s)://host/path.") from None
    if found.scheme not in {"http", "https"} or not found.host:
        raise UsageError("--url is no http(s) address", remedy="Write http(s)://host/path.")
    if found.userinfo:
        raise UsageError("--url holds a credential", remedy="Put it into a file: --headers-file FILE.")
    return Asked(url, deployment=deployment or "")


def file_headers(file: Path | None) -> Mapping[str, str]:
    """Return the headers of a JSON file, `{"authorization": "Bearer ..."}`. Raises UsageError; never with a value."""
    if file is None:
        return frozen_map()
    try:
        found: Any = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise UsageError(f"{file} can't be read as JSON", remedy='Write {"authorization": "Bearer ..."}.') from None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise UsageError(f"{file} holds no object of texts", remedy='Write {"authorization": "Bearer ..."}.')
    return frozen_map(found)


def asker(record: Mapping[str, Any], headers: Mapping[str, str]) -> EndpointAsker:
    """Return what asks the server of a run."""
    return EndpointAsker(
        Server(
            record["endpoint"]["url"],
            headers,
            workers=record["workers"],
            line_timeout_s=record["lineTimeoutSeconds"],
        )
    )
