"""Whether a body is one that the API takes: against models derived from azure-ai-ml (derive_models.py)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
from tests.azure.simulator.names import ASSIGNMENT, CONNECTION, DEPLOYMENT, ENDPOINT, IDENTITY, ML

_MODELS = {
    ENDPOINT: "OnlineEndpoint",
    DEPLOYMENT: "OnlineDeployment",
    CONNECTION: "WorkspaceConnectionPropertiesV2BasicResource",
    **{f"{ML}/{name.lower()}s": f"{name}Container" for name in ("Model", "Environment", "Code")},
    **{f"{ML}/{name.lower()}s/versions": f"{name}Version" for name in ("Model", "Environment", "Code")},
}
# Not Azure ML's: from the documents of their own providers (2022-04-01, 2023-01-31).
_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
_OWN: dict[str, Any] = {
    ASSIGNMENT: {
        "type": "object",
        "properties": {
            "properties": {
                "type": "object",
                "properties": {
                    "principalId": {"type": "string", "format": "uuid"},
                    "principalType": {"enum": ["User", "Group", "ServicePrincipal", "ForeignGroup", "Device"]},
                    "roleDefinitionId": {"type": "string"},
                    "description": {"type": "string"},
                },
                "required": ["principalId", "roleDefinitionId"],
                "additionalProperties": False,
            }
        },
        "required": ["properties"],
        "additionalProperties": False,
    },
    IDENTITY: {
        "type": "object",
        "properties": {"location": {"type": "string"}, "tags": _TEXTS},
        "required": ["location"],
        "additionalProperties": False,
    },
}


@cache
def _validator(type_: str) -> jsonschema_rs.Validator:
    if type_ in _OWN:
        return jsonschema_rs.Draft202012Validator(_OWN[type_], validate_formats=True)
    models = json.loads((Path(__file__).parent / "models.json").read_text(encoding="utf-8"))
    return jsonschema_rs.Draft202012Validator(models | {"$ref": f"#/$defs/{_MODELS[type_]}"})


def faults(type_: str, body: Any) -> list[str]:
    """Return what is wrong with a body for a type of resource."""
    return list(_faults(type_, body))


def _faults(type_: str, body: Any) -> Iterator[str]:
    if type_ not in _OWN and type_ not in _MODELS:
        yield f"nothing is known of {type_}"
        return
    for error in _validator(type_).iter_errors(body):
        place = ".".join(map(str, error.instance_path))
        yield f"{place or 'body'}: {error.message}"
