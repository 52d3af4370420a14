"""What serves a deployment: decided by the model's content and the deployment's own words."""

from __future__ import annotations

from enum import StrEnum

from sluice.errors import Unsupported
from sluice.spec.models import Deployment, Environment, Model


class ServerKind(StrEnum):
    """A model server; `CONTAINER` is the one that a container brings, known by its routes alone."""

    FLOW = "flow"
    SCORING_SCRIPT = "scoring_script"
    MLFLOW = "mlflow"
    CONTAINER = "container"


# Azure's defaults (managed online deployment reference; for flows, the deploy document).
DEFAULT_CONCURRENCY = {
    ServerKind.FLOW: 10,
    ServerKind.SCORING_SCRIPT: 1,
    ServerKind.MLFLOW: 1,
    ServerKind.CONTAINER: 1,
}


def server_kind(deployment: Deployment, model: Model | None, environment: Environment | None) -> ServerKind:
    """Return the server a deployment needs. Raises Unsupported where nothing says how to serve it.

    Routes in the environment mean a server of its own only where neither a flow nor a script says otherwise: the
    deploy document gives routes for the prompt flow runtime, too.
    """
    if model and model.content and model.content.flow:
        return ServerKind.FLOW
    if deployment.code_configuration:
        return ServerKind.SCORING_SCRIPT
    if environment and environment.inference_config and environment.inference_config.scoring_route:
        return ServerKind.CONTAINER
    if model and (model.type == "mlflow_model" or (model.content and "MLmodel" in model.content.files)):
        return ServerKind.MLFLOW
    raise Unsupported(
        f"deployment {deployment.name}: nothing says how to serve its model"
        " (no flow.dag.yaml or flow.flex.yaml, no code_configuration, no MLflow model, no inference_config)",
        remedy="Add code_configuration with a scoring script, point the model at a flow or an MLflow model, or give"
        " the environment the routes of its own server (inference_config).",
        at=deployment.at,
    )


def concurrency(deployment: Deployment, kind: ServerKind) -> int:
    """Return how many requests one replica executes at once."""
    return deployment.request_settings.max_concurrent_requests_per_instance or DEFAULT_CONCURRENCY[kind]
