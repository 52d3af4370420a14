"""What two bodies say differently, where it means something to the service."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from tests.azure.oracle.ours import SITE

# The service compares these without case.
_ENUMS = frozenset({
    "authMode", "publicNetworkAccess", "egressPublicNetworkAccess", "dataCollectionMode", "rollingRate", "osType",
    "scaleType", "endpointComputeType", "category", "authType", "type",
})  # fmt: skip
# Maps of strings: whatever YAML read, the wire has text.
_STRINGS = frozenset({"tags", "properties", "environmentVariables", "metadata", "data"})
_REFERENCE = re.compile(r"(azureml:)?(?P<name>[^:/@]+):(?P<version>[^:/@]+)")
_COLLECTIONS = {"model": "models", "environmentId": "environments"}


class Difference(NamedTuple):
    """One property that differs; None where one side has none."""

    at: str
    ours: Any
    theirs: Any


def differences(ours: Any, theirs: Any) -> list[Difference]:
    """Return what differs between two bodies."""
    return list(_between(_meant(ours), _meant(theirs), ""))


def _between(ours: Any, theirs: Any, at: str) -> Iterator[Difference]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted({*ours, *theirs}):
            yield from _between(ours.get(key), theirs.get(key), f"{at}.{key}".lstrip("."))
    elif ours != theirs and not _same_place(ours, theirs):
        yield Difference(at, ours, theirs)


def _same_place(ours: Any, theirs: Any) -> bool:
    """Tell whether two paths of this machine lead to the same."""
    local = isinstance(ours, str) and isinstance(theirs, str) and ours.startswith("/") and theirs.startswith("/")
    return local and Path(ours).resolve() == Path(theirs).resolve()


def _meant(value: Any, key: str = "", above: str = "") -> Any:
    """Return a value as the service understands it: nothing for null and empty, enums without case, ids whole."""
    if isinstance(value, dict):
        below = {name: _meant(child, name, key) for name, child in value.items()}
        return {name: child for name, child in below.items() if child not in (None, {}, [])}
    if isinstance(value, list):
        return [_meant(child) for child in value]
    if key == "condaFile" and value:
        return yaml.safe_load(value)
    if (
        above in _STRINGS
        and above != ""
        and key not in _ENUMS | {"condaFile"}
        and isinstance(value, (bool, int, float))
    ):
        return str(value) if above != "properties" or _in_string_map(key) else value
    if isinstance(value, str):
        return _meant_text(value, key)
    return value


def _in_string_map(key: str) -> bool:
    """Tell whether a key of `properties` is a user's own, not ARM's: the two maps have the same name."""
    return key not in {"appInsightsEnabled", "isAnonymous", "isArchived", "isSharedToAll"}


def _meant_text(value: str, key: str) -> str:
    if key in _ENUMS:
        return value.lower()
    found = _REFERENCE.fullmatch(value)
    if found and key in _COLLECTIONS:
        return SITE.within(_COLLECTIONS[key], found["name"], "versions", found["version"])
    if key == "compute":
        return SITE.within("computes", value.removeprefix("azureml:")) if "/" not in value else value
    return value.removeprefix("azureml:") if key in _COLLECTIONS and "azureml://" not in value else value
