"""Writes models.json: what the API (2025-12-01) takes in a body, as a JSON Schema, from the models of azure-ai-ml.

Run by a Python that has azure-ai-ml 1.35.2: python derive_models.py > models.json
Fields that the service only tells are left out: nobody sends them.
"""

from __future__ import annotations

import json
import sys
import types
import typing
from enum import Enum
from typing import Any

from azure.ai.ml._restclient.arm_ml_service import models

ROOTS = (
    "OnlineEndpoint",
    "OnlineDeployment",
    "ModelContainer",
    "ModelVersion",
    "EnvironmentContainer",
    "EnvironmentVersion",
    "CodeContainer",
    "CodeVersion",
    "WorkspaceConnectionPropertiesV2BasicResource",
)
# What an envelope of ARM has beside the model's own fields.
ENVELOPE = frozenset({"id", "name", "type", "systemData", "etag"})


def main() -> None:
    defs: dict[str, Any] = {}
    for name in ROOTS:
        define(getattr(models, name), defs)
    json.dump(
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": defs}, sys.stdout, indent=1, sort_keys=True
    )
    sys.stdout.write("\n")


def define(model: Any, defs: dict[str, Any]) -> dict[str, Any]:
    """Define a model, and its kinds where a field of it tells them apart; return the reference to it."""
    reference = {"$ref": f"#/$defs/{model.__name__}"}
    if model.__name__ in defs:
        return reference
    defs[model.__name__] = {}
    kinds = vars(model).get("__mapping__", {})
    own = [kind for kind in kinds.values() if kind is not model]
    defs[model.__name__] = {"oneOf": [define(kind, defs) for kind in own]} if own else fields(model, defs)
    return reference


def fields(model: Any, defs: dict[str, Any]) -> dict[str, Any]:
    model.__new__(model)  # fills the table of fields
    hints = hints_of(model)
    properties: dict[str, Any] = {}
    required: list[str] = []
    for name, field in model._attr_to_rest_field.items():
        wire, visibility = field._rest_name_input or name, field._visibility
        if (model.__name__ in ROOTS and wire in ENVELOPE) or (
            visibility and not {"create", "update"} & set(visibility)
        ):
            continue
        hint, optional = unwrapped(hints[name])
        properties[wire] = schema(hint, defs)
        required += [] if optional else [wire]
    return {"type": "object", "properties": properties, "required": sorted(required), "additionalProperties": False}


def hints_of(model: Any) -> dict[str, Any]:
    import datetime

    hints: dict[str, Any] = {}
    for base in reversed(model.__mro__):
        space = {
            **vars(typing),
            **vars(sys.modules.get(base.__module__, models)),
            "_models": models,
            "datetime": datetime,
        }
        for name, written in vars(base).get("__annotations__", {}).items():
            hints[name] = eval(written, space) if isinstance(written, str) else written
    return hints


def unwrapped(hint: Any) -> tuple[Any, bool]:
    hint = named(hint)
    if typing.get_origin(hint) not in {typing.Union, types.UnionType}:
        return hint, False
    parts = [named(one) for one in typing.get_args(hint)]
    kept = [one for one in parts if one is not type(None)]
    enums = [one for one in kept if isinstance(one, type) and issubclass(one, Enum)]
    return (enums or kept)[0], type(None) in parts


def named(hint: Any) -> Any:
    """Return the class that a name in an annotation means."""
    name = hint.__forward_arg__ if isinstance(hint, typing.ForwardRef) else hint
    return getattr(models, name.rpartition(".")[2]) if isinstance(name, str) else hint


def schema(hint: Any, defs: dict[str, Any]) -> dict[str, Any]:
    hint, _ = unwrapped(hint)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return words([str(getattr(one, "value", one)) for one in args])
    if origin is dict:
        return {"type": "object", "additionalProperties": schema(args[1], defs)}
    if origin is list:
        return {"type": "array", "items": schema(args[0], defs)}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return words([str(one.value) for one in hint])
    plain = {str: "string", bool: "boolean", int: "integer", float: "number"}
    if hint in plain:
        return {"type": plain[hint]}
    return define(hint, defs) if hasattr(hint, "_is_model") else {}


def words(values: list[str]) -> dict[str, Any]:
    """Enums: the service compares them without case."""
    return {"type": "string", "pattern": f"(?i)^({'|'.join(values)})$"}


if __name__ == "__main__":
    main()
