"""The registry on loopback: its configuration, and what it is asked over HTTP."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from pathlib import Path

MOST_STORED = 20_000_000_000


@dataclass(frozen=True)
class Registry:
    """Where images go.

    Attributes:
        address: `host:port`, or `host/path`.
        store: For the one on loopback, which is asked over plain HTTP: an id of what it stores, which changes when
            that is emptied. Empty for any other.
    """

    address: str
    store: str = ""

    @property
    def local(self) -> bool:
        """Tell whether it is the one on loopback."""
        return bool(self.store)


def registry_config(state: Path, address: str, secret: str) -> str:
    """Return the registry's configuration (YAML, of which JSON is a part): one folder, one address of loopback."""
    config = {
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(state)}, "delete": {"enabled": True}},
        "http": {"addr": address, "secret": secret},
    }
    return json.dumps(config, indent=1)


def answers(address: str, timeout_s: float = 2) -> bool:
    """Tell whether a registry answers at `host:port`."""
    connection = http.client.HTTPConnection(address, timeout=timeout_s)
    try:
        connection.request("GET", "/v2/")
        response = connection.getresponse()
        return response.status in (200, 401) and "registry/2.0" in (
            response.getheader("Docker-Distribution-Api-Version") or ""
        )
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
