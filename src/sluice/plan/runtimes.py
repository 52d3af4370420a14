"""Where a deployment runs on this machine, as processes or as containers, and what a container is told. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Final

from sluice.errors import SpecError, Unsupported
from sluice.plan.graph import Output
from sluice.plan.needs import named_image
from sluice.plan.servers import ServerKind
from sluice.spec.models import Deployment, Environment, Model, Route, where


class Runtime(StrEnum):
    """What a replica is."""

    PROCESS = "process"
    DOCKER = "docker"


PROPERTY: Final = "sluice.runtime"
"""The key of a deployment's `properties` that chooses its runtime; Azure takes any key there and ignores it."""


def runtime_of(deployment: Deployment, default: Runtime) -> Runtime:
    """Return the runtime a deployment chooses by `properties: {sluice.runtime: ...}`, else the stack's.

    Raises SpecError for a word that is no runtime.
    """
    said = deployment.properties.get(PROPERTY, default)
    try:
        return Runtime(said)
    except ValueError:
        raise SpecError(
            f"deployment {deployment.name}: {PROPERTY} is {said!r}, which is no runtime",
            remedy=f"Write {' or '.join(Runtime)}.",
            at=where(deployment, f"properties.{PROPERTY}"),
        ) from None


def refuse_container(deployment: Deployment, kind: ServerKind, runtime: Runtime) -> None:
    """Raise Unsupported for a container with a server of its own where deployments are processes."""
    if kind is ServerKind.CONTAINER and runtime is Runtime.PROCESS:
        raise Unsupported(
            f"deployment {deployment.name}: its environment brings a server of its own (inference_config),"
            " which only a container runs",
            remedy=f"Set `runtime: docker` in the stack's settings, or `properties: {{{PROPERTY}: docker}}` in the"
            " deployment or in an overlay of it.",
            at=where(deployment, "environment"),
        )


@dataclass(frozen=True)
class Routes:
    """Where a container's own server answers: three paths, on one port of the container."""

    liveness: str
    readiness: str
    scoring: str
    port: int


def routes_of(deployment: Deployment, kind: ServerKind, environment: Environment | None) -> Routes | None:
    """Return the routes of a container with a server of its own; None where the server is one of ours.

    A probe's route that is left out is the other's. Raises Unsupported for routes on several ports.
    """
    config = environment.inference_config if environment else None
    if kind is not ServerKind.CONTAINER or config is None or config.scoring_route is None:
        return None
    live, ready = config.liveness_route or config.readiness_route, config.readiness_route or config.liveness_route
    routes = (live or _root(config.scoring_route), ready or _root(config.scoring_route), config.scoring_route)
    ports = sorted({route.port for route in routes})
    if len(ports) > 1:
        raise Unsupported(
            f"deployment {deployment.name}: the routes of its inference_config are on several ports"
            f" ({', '.join(map(str, ports))}); the local target publishes one a replica",
            remedy="Let the container answer probes on the port of its scoring route.",
            at=environment.at if environment else deployment.at,
        )
    liveness, readiness, scoring = (_absolute(route.path) for route in routes)
    return Routes(liveness, readiness, scoring, ports[0])


def _root(scoring: Route) -> Route:
    return Route("/", scoring.port)


def _absolute(path: str) -> str:
    return path if path.startswith("/") else f"/{path}"


def runtime_properties(
    deployment: Deployment, kind: ServerKind, runtime: Runtime, environment: Environment | None
) -> dict[str, object]:
    """Return what a deployment's resource says of its runtime. Raises Unsupported as `routes_of` does."""
    routes = routes_of(deployment, kind, environment)
    return {
        "runtime": str(runtime),
        "routes": asdict(routes) if routes else None,
        "modelMountPath": deployment.model_mount_path,
    }


def folder_name(model: Model) -> str | None:
    """Return the folder that a model's files lie in below AZUREML_MODEL_DIR; None for a single file.

    As on Azure: "Please provide your model's folder name if there is one" (its scoring scripts).
    """
    if model.path is None or model.content is None:
        return None
    single = dict(model.content.files) == {model.path.name: model.path}
    return None if single else model.path.name


def container_image(
    deployment: Deployment, model: Model | None, environment: Environment | None, built: str | None
) -> str | Output:
    """Return the image a deployment's containers run: the one that is built for it (`built`), else the one named.

    Raises Unsupported where there is neither.
    """
    if built:
        return Output(f"Image:{built}", "ref")
    if image := named_image(environment, model.content if model else None):
        return image
    raise Unsupported(
        f"deployment {deployment.name}: runtime docker needs an image, and neither its environment nor its flow names"
        " one",
        remedy=f"Name an `image`, or run it as a process: `properties: {{{PROPERTY}: process}}`.",
        at=(environment.at if environment else None) or deployment.at,
    )
