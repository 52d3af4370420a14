"""Azure's own loader and converter, as a program: run by a Python that has azure-ai-ml.

Reads JSON from standard input, a list of {"kind", "path"}; writes {path: {"body", "model", "environment"}} or
{path: {"error"}}. `model` and `environment` are those written inside a deployment.
"""

from __future__ import annotations

import json
import logging
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from azure.ai import ml

LOCATION = "westeurope"


def plain(model: Any) -> Any:
    """Return a REST model of either generation as JSON values."""
    from azure.ai.ml.entities import OnlineDeployment

    return OnlineDeployment._model_to_dict(model)


def endpoint(path: Path) -> dict[str, Any]:
    return {"body": plain(ml.load_online_endpoint(path)._to_rest_online_endpoint(LOCATION))}


def deployment(path: Path) -> dict[str, Any]:
    loaded = ml.load_online_deployment(path)
    inline = {name: getattr(loaded, name) for name in ("model", "environment")}
    parts = {name: None if one is None or isinstance(one, str) else asset(one) for name, one in inline.items()}
    if loaded.code_configuration:  # a folder that is not uploaded has no id
        loaded.code_configuration.code = str(loaded.code_configuration.code or "")
    return {"body": plain(loaded._to_rest_object(LOCATION)), **parts}


def asset(loaded: Any) -> Any:
    if getattr(loaded, "name", None) is None:
        loaded.name = "inline"
    return plain(loaded._to_rest_object())


LOADERS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "endpoint": endpoint,
    "deployment": deployment,
    "model": lambda path: {"body": asset(ml.load_model(path))},
    "environment": lambda path: {"body": asset(ml.load_environment(path))},
    "connection": lambda path: {"body": plain(ml.load_connection(path)._to_rest_object())},
}


def converted(kind: str, path: str) -> dict[str, Any]:
    try:
        return LOADERS[kind](Path(path))
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"[:300]}


def main() -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    asked = json.load(sys.stdin)
    answers = {one["path"]: converted(one["kind"], one["path"]) for one in asked}
    json.dump(answers, sys.stdout, default=str)


if __name__ == "__main__":
    main()
