"""Our bodies of single specification files, as the plan makes them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import yaml

from sluice.errors import SpecFileError
from sluice.plan.azure_assets import environment_properties, model_properties
from sluice.plan.azure_bodies import deployment_body, endpoint_body
from sluice.plan.azure_connections import connection_body
from sluice.plan.azure_references import asset_id
from sluice.plan.azure_site import Site, Tree
from sluice.spec.build import build_deployment, build_endpoint
from sluice.spec.build_assets import build_environment, build_model
from sluice.spec.build_connection import build_connection
from sluice.spec.checking import check_document
from sluice.spec.documents import Document
from sluice.spec.kinds import Kind
from sluice.spec.models import Environment, Model
from sluice.spec.nodes import Node, to_json
from sluice.spec.parse import read_documents
from sluice.spec.terms import AssetReference, SecretReference

SITE = Site("sub", "group", "space", "westeurope")


def converted(kind: str, path: Path) -> dict[str, Any] | None:
    """Return `body`, and `model` and `environment` of those written inside a deployment; None for a refused file."""
    try:
        node = read_documents(path, path.parent)[0]
    except SpecFileError:
        return None
    checked = check_document(Document(Kind(kind), node), path.parent)
    if not checked.readable:
        return None
    read: Node = checked.document.node
    tree = to_json(read)
    assert isinstance(tree, dict)
    return cast(dict[str, Any], plain(_CONVERTERS[kind](read, tree, path.parent)))


def _endpoint(node: Node, _tree: Tree, _root: Path) -> dict[str, Any]:
    endpoint = build_endpoint(node)
    return {"body": endpoint_body(endpoint, endpoint.identity.resource_ids, SITE)}


def _deployment(node: Node, tree: Tree, root: Path) -> dict[str, Any]:
    deployment = build_deployment(node, root)
    parts: dict[str, Any] = {}
    links: dict[str, Any] = {"environmentVariables": dict(deployment.environment_variables) or None}
    if isinstance(deployment.model, AssetReference):
        links["model"] = _id(deployment.model, "models")
    elif isinstance(deployment.model, Model):
        parts["model"] = _model_body(deployment.model, tree["model"])
    if isinstance(deployment.environment, AssetReference):
        links["environmentId"] = _id(deployment.environment, "environments")
    elif isinstance(deployment.environment, Environment):
        parts["environment"] = _environment_body(deployment.environment, tree["environment"])
    if code := tree.get("code_configuration"):  # a folder has no id before it is uploaded
        links["codeConfiguration"] = {"codeId": code["code"], "scoringScript": code.get("scoring_script")}
    return {"body": deployment_body(deployment, tree, links, SITE), **parts}


def _id(reference: AssetReference, collection: str) -> str:
    """Labels are looked up in the workspace: here each stands for itself."""
    return asset_id(reference, collection, replace(SITE, labels={reference.text: reference.text}))


def _model_body(model: Model, tree: Tree) -> dict[str, Any]:
    return {"properties": model_properties(model, tree, model.remote_path or str(model.path))}


def _environment_body(environment: Environment, tree: Tree) -> dict[str, Any]:
    conda = tree.get("conda_file")
    if environment.conda_file:
        conda = yaml.safe_load(environment.conda_file.read_text())
    return {"properties": environment_properties(environment, tree, None, conda)}


_CONVERTERS: dict[str, Any] = {
    "endpoint": _endpoint,
    "deployment": _deployment,
    "model": lambda node, tree, root: {"body": _model_body(build_model(node, root), tree)},
    "environment": lambda node, tree, root: {"body": _environment_body(build_environment(node, root), tree)},
    "connection": lambda node, tree, _root: {"body": connection_body(build_connection(node), tree)},
}


def plain(value: Any) -> Any:
    """Return a body with the secrets that stand in its file written out."""
    if isinstance(value, SecretReference):
        return value.name if value.scheme == "literal" else f"${{{value.scheme}:{value.name}}}"
    if isinstance(value, dict):
        return {key: plain(child) for key, child in value.items()}
    return [plain(child) for child in value] if isinstance(value, (list, tuple)) else value
