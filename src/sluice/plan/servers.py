"""What serves a deployment: decided by the model's content and the deployment's own words."""

from __future__ import annotations

from enum import StrEnum

from sluice.errors import Unsupported
from sluice.spec.models import Deployment, Model


class ServerKind(StrEnum):
    """A model server."""

    FLOW = "flow"
    SCORING_SCRIPT = "scoring_script"
    MLFLOW = "mlflow"


# Azure's defaults (managed online deployment reference; for flows, the deploy document).
DEFAULT_CONCURRENCY = {ServerKind.FLOW: 10, ServerKind.SCORING_SCRIPT: 1, ServerKind.MLFLOW: 1}


def server_kind(deployment: Deployment, model: Model | None) -> ServerKind:
    """Return the server a deployment needs. Raises Unsupported where nothing says how to serve it."""
    if model and model.content and model.content.flow:
        return ServerKind.FLOW
    if deployment.code_configuration:
        return ServerKind.SCORING_SCRIPT
    if model and (model.type == "mlflow_model" or (model.content and "MLmodel" in model.content.files)):
        return ServerKind.MLFLOW
    raise Unsupported(
        f"deployment {deployment.name}: nothing says how to serve its model"
        " (no flow.dag.yaml or flow.flex.yaml, no code_configuration, no MLflow model)",
        remedy="Add code_configuration with a scoring script, or point the model at a flow or an MLflow model.",
        at=deployment.at,
    )


def concurrency(deployment: Deployment, kind: ServerKind) -> int:
    """Return how many requests one replica executes at once."""
    return deployment.request_settings.max_concurrent_requests_per_instance or DEFAULT_CONCURRENCY[kind]
