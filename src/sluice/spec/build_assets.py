"""Nodes that passed their schema, as frozen models: models and environments."""

from __future__ import annotations

from pathlib import Path

from sluice.errors import SpecFileError
from sluice.spec.models import Build, Environment, InferenceConfig, Model, Route
from sluice.spec.nodes import MapNode, Node, dig, text, whole
from sluice.spec.requirements import PythonNeeds, environment_needs
from sluice.spec.values import is_remote, key_marks, local_path, text_map, version_of


def build_model(node: Node, root: Path) -> Model:
    """Return the model that `node` says, without its content; a local path is absolute."""
    path = text(node, "path") or ""
    name = text(node, "name")
    return Model(
        at=node.at,
        name=name,
        version=version_of(node) if name else None,
        path=local_path(node, root, "path"),
        remote_path=path if is_remote(path) else None,
        type=text(node, "type") or "custom_model",
        description=text(node, "description") or "",
        tags=text_map(node, "tags"),
        properties=text_map(node, "properties"),
        marks=key_marks(node),
    )


def build_environment(node: Node, root: Path) -> Environment:
    """Return the environment that `node` says, with the Python packages its files ask for.

    A file that is missing or broken adds nothing here: the rules report it.
    """
    name = text(node, "name")
    needs = _needs(node, root)
    conda = dig(node, "conda_file")
    return Environment(
        at=node.at,
        name=name,
        version=version_of(node) if name else None,
        image=text(node, "image"),
        conda_file=None if isinstance(conda, MapNode) else local_path(node, root, "conda_file"),
        build=_build(node, root),
        inference_config=_inference_config(dig(node, "inference_config")),
        requirements=needs.requirements,
        pip_source=needs.source,
        python_version=needs.python_version,
        description=text(node, "description") or "",
        tags=text_map(node, "tags"),
        marks=key_marks(node),
    )


def _needs(node: Node, root: Path) -> PythonNeeds:
    try:
        return environment_needs(node, root)
    except (SpecFileError, OSError):
        return PythonNeeds()


def _build(node: Node, root: Path) -> Build | None:
    path = local_path(node, root, "build", "path")
    return Build(path, text(node, "build", "dockerfile_path") or Build.dockerfile_path) if path else None


def _inference_config(node: Node | None) -> InferenceConfig | None:
    if node is None:
        return None
    return InferenceConfig(*(_route(node, f"{name}_route") for name in ("liveness", "readiness", "scoring")))


def _route(node: Node, key: str) -> Route | None:
    path, port = text(node, key, "path"), whole(node, key, "port")
    return Route(path, port) if path and port else None
