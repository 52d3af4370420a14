"""What rules across files look at: every specification that could be read, and how they refer to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sluice.spec.models import Access, Connection, Deployment, Endpoint, Environment, Flow, Model
from sluice.spec.nodes import Node
from sluice.spec.references import written_here
from sluice.spec.rollout import Rollout


@dataclass(frozen=True)
class World:
    """Every specification that could be read, with the node where marks are needed.

    `unread` holds kind and key of those that broke their schema: what names them is not wrong.
    """

    root: Path
    endpoints: tuple[tuple[Endpoint, Node], ...]
    deployments: tuple[tuple[Deployment, Node], ...]
    models: Mapping[tuple[str, str], Model]
    environments: Mapping[tuple[str, str], Environment]
    connections: Mapping[str, Connection]
    access: tuple[Access, ...]
    unread: frozenset[tuple[str, ...]]
    rollouts: tuple[tuple[Rollout, Node], ...] = ()

    def hides(self, kind: str, *key: str) -> bool:
        """Tell whether a specification of that kind and key may be among those that could not be read."""
        return may_hide(self.unread, kind, *key)


def may_hide(unread: frozenset[tuple[str, ...]], kind: str, *key: str) -> bool:
    """Tell whether `unread` may hold a specification of that kind and key: one without a name may be any."""
    return any(
        found[0] == kind and all(said in {"", asked} for said, asked in zip(found[1:], key, strict=False))
        for found in unread
    )


def model_of(deployment: Deployment, world: World) -> Model | None:
    """Return the model a deployment serves, if it is written in this project."""
    return written_here(deployment.model, world.models)


def environment_of(deployment: Deployment, world: World) -> Environment | None:
    """Return the environment a deployment runs in, if it is written in this project."""
    return written_here(deployment.environment, world.environments)


def endpoint_of(deployment: Deployment, world: World) -> Endpoint | None:
    """Return the endpoint a deployment stands behind, if it is written in this project."""
    return next((one for one, _ in world.endpoints if one.name == deployment.endpoint_name), None)


def flow_of(deployment: Deployment, world: World) -> Flow | None:
    """Return the flow a deployment serves, if it serves one written in this project."""
    model = model_of(deployment, world)
    return model.content.flow if model and model.content else None
