"""The inputs that pulumi-azure-native takes, as a program: run by a Python that has it.

Reads JSON from standard input, a list of {"id", "token", "inputs"}; writes what is unknown to the provider:
{id: [paths]}.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
import sys
from collections.abc import Iterator
from typing import Any


def main() -> None:
    asked = json.load(sys.stdin)
    answers = {one["id"]: sorted(unknown(one["token"], one["inputs"])) for one in asked}
    json.dump(answers, sys.stdout)


def unknown(token: str, inputs: dict[str, Any]) -> Iterator[str]:
    _, module_name, name = token.split(":")
    module = importlib.import_module(f"pulumi_azure_native.{module_name}")
    shapes = shapes_of(module_name)
    resource = getattr(module, name)
    parameters = inspect.signature(resource._internal_init).parameters
    for key, value in inputs.items():
        known = next((one for one in (snake(key), snake(key) + "_") if one in parameters), None)
        if known is None:
            yield key
        elif isinstance(value, dict):
            yield from below(str(parameters[known].annotation), value, shapes, key)


def shapes_of(module_name: str) -> Any:
    """Return the module of a service's input types; a service without any has none."""
    try:
        return importlib.import_module(f"pulumi_azure_native.{module_name}._inputs")
    except ModuleNotFoundError:
        return None


def below(annotation: str, value: dict[str, Any], shapes: Any, at: str) -> Iterator[str]:
    """Yield the keys that no shape the annotation names has; maps of strings take any."""
    candidates = [getattr(shapes, found) for found in re.findall(r"(\w+Args)\b", annotation)]
    if not candidates:
        return
    yield from min(([*of_shape(shape, value, shapes, at)] for shape in candidates), key=len)


def of_shape(shape: Any, value: dict[str, Any], shapes: Any, at: str) -> Iterator[str]:
    hints = {name: str(one.annotation) for name, one in inspect.signature(shape.__init__).parameters.items()}
    for key, child in value.items():
        if snake(key) not in hints:
            yield f"{at}.{key}"
        elif isinstance(child, dict) and "Mapping" not in hints[snake(key)]:
            yield from below(hints[snake(key)], child, shapes, f"{at}.{key}")


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda found: "_" + found[1].lower(), name)


if __name__ == "__main__":
    main()
