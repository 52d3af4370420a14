"""What a deployment runs in, as a resource: packages for a process, an image for a container. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sluice.plan.graph import Output, Resource
from sluice.plan.needs import python_needs
from sluice.plan.runtimes import Runtime, container_image
from sluice.plan.servers import ServerKind
from sluice.spec.frozen import frozen_map
from sluice.spec.models import Deployment, Environment, Model


@dataclass(frozen=True)
class How:
    """How a deployment runs.

    `built` names the image that is built for it, `lock` (`path`, `sha256`) what its packages are locked to; None for
    neither.
    """

    kind: ServerKind
    runtime: Runtime
    built: str | None = None
    lock: Mapping[str, str] | None = None


def environment_resource(
    deployment: Deployment, how: How, model: Model | None, environment: Environment | None
) -> Resource:
    """Return the resource. Raises Unsupported as `container_image` does."""
    name = f"{deployment.endpoint_name}/{deployment.name}"
    needs = python_needs(environment, model.content if model else None)
    properties: dict[str, object] = {
        "name": name,
        "runtime": str(how.runtime),
        "server": str(how.kind),
        "image": environment.image if environment else None,
        "requirements": list(needs.requirements),
        "pythonVersion": needs.python_version,
        "lock": dict(how.lock) if how.lock else None,
    }
    if how.runtime is Runtime.DOCKER:
        image = container_image(deployment, model, environment, how.built)
        properties |= {"image": image, "requirements": [], "lock": None}
    after = tuple(value.resource for value in properties.values() if isinstance(value, Output))
    return Resource("Environment", name, frozen_map(properties), after, deployment.endpoint_name)
