"""BuildKit's configuration and the builder's record, as text."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from sluice.images.services import BUILDER

MOST_CACHE: Final = "20GB"
LEAST_CACHE: Final = "2GB"
FREE_DISK: Final = "5GB"
NODE: Final = f"{BUILDER}0"
CONTAINER: Final = f"buildx_buildkit_{NODE}"  # buildx names a builder's container so
CONTAINER_IMAGE: Final = "moby/buildkit:buildx-stable-1"
# The machine's network, and folders that a user's own root may write to.
ROOTLESS_OPTIONS: Final = ("--net=host", "--copy-up=/etc", "--copy-up=/run")


def buildkitd_toml(state: Path, socket: Path, runc: str, registry: str, *, rootless: bool = False) -> str:
    """Return buildkitd.toml: one worker with runc, a cache that does not grow without bound, our registry.

    Build steps use the machine's own network: there is no CNI, and an index on loopback must be reached.
    """
    return f"""root = {_quoted(str(state))}

[grpc]
  address = [{_quoted(f"unix://{socket}")}]

[worker.oci]
  enabled = true
  binary = {_quoted(runc)}
  networkMode = "host"
  rootless = {str(rootless).lower()}
{_cache_bounds()}
[worker.containerd]
  enabled = false
{_history()}{_plain_registry(registry)}"""


def holds_mount(folder: Path, mountinfo: str) -> bool:
    """Tell whether anything is mounted below a folder; `mountinfo` is Linux's /proc/self/mountinfo."""
    below = " " + str(folder).replace(" ", "\\040") + "/"
    return any(below in line for line in mountinfo.splitlines())


def container_toml(registry: str) -> str:
    """Return buildkitd.toml for BuildKit in a container of Docker."""
    return f"[worker.oci]\n{_cache_bounds()}{_history()}{_plain_registry(registry)}"


def _cache_bounds() -> str:
    return f"""  gc = true
  reservedSpace = "{LEAST_CACHE}"
  maxUsedSpace = "{MOST_CACHE}"
  minFreeSpace = "{FREE_DISK}"
"""


def _history() -> str:
    return "\n[history]\n  maxAge = 172800\n  maxEntries = 50\n"


def _plain_registry(address: str) -> str:
    return f"\n[registry.{_quoted(address)}]\n  http = true\n"


def _quoted(text: str) -> str:
    """Return a TOML basic string: JSON's escapes are among TOML's, but for pairs of surrogates; DEL is escaped too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def remote_instance(socket: Path) -> str:
    """Return the record of a builder that is reached at a socket."""
    return _instance("remote", {"Name": NODE, "Endpoint": f"unix://{socket}"})


def container_instance(context: str, registry: str) -> str:
    """Return the record of a builder in a container of the Docker that a context names.

    It shares the machine's network, so that 127.0.0.1 is the same registry inside and outside.
    """
    toml = base64.b64encode(container_toml(registry).encode()).decode()
    files = {"buildkitd.toml": toml}
    return _instance(
        "docker-container",
        {"Name": NODE, "Endpoint": context, "DriverOpts": {"network": "host"}, "Files": files},
    )


def borrowed_instance(record: str) -> str | None:
    """Return a user's own builder under our name, if it will do: in Docker, on the machine's network.

    The container keeps its name, so it is the same builder with the same cache.
    """
    try:
        found: dict[str, Any] = json.loads(record)
        usable = found["Driver"] == "docker-container" and all(map(_on_host_network, found["Nodes"]))
    except (ValueError, KeyError, TypeError):
        return None
    return json.dumps({**found, "Name": BUILDER}) if usable and found["Nodes"] else None


def container_of(record: str) -> str:
    """Return the name of the container of a record's first node; empty for a builder in none. Raises ValueError."""
    found = json.loads(record)
    return f"buildx_buildkit_{found['Nodes'][0]['Name']}" if found["Driver"] == "docker-container" else ""


def _on_host_network(node: Mapping[str, Any]) -> bool:
    return bool((node.get("DriverOpts") or {}).get("network") == "host")


def _instance(driver: str, node: Mapping[str, Any]) -> str:
    empty = {"Platforms": None, "DriverOpts": None, "Flags": None, "Files": None}
    return json.dumps({"Name": BUILDER, "Driver": driver, "Nodes": [{**empty, **node}], "Dynamic": False})
