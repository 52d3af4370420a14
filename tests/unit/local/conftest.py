"""Endpoints and deployments as values, for what needs some."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sluice.spec.frozen import frozen_map
from sluice.targets.local.envoy.desired import Backend
from sluice.targets.local.state import DeploymentState, EndpointState, Replica
from sluice.targets.local.target import LocalTarget

Deploy = Callable[..., DeploymentState]
Endpoint = Callable[..., EndpointState]


@pytest.fixture
def target(tmp_path: Path) -> LocalTarget:
    return LocalTarget.of(tmp_path, "dev")


@pytest.fixture
def deployed() -> Deploy:
    """Make a deployment of endpoint `qa` with one replica; `facts` by keyword."""

    def make(name: str, *, contents: tuple[str, ...] = (), port: int = 9000, **facts: object) -> DeploymentState:
        replicas = (Replica(f"qa.{name}.0", port),)
        return DeploymentState(name, "r1", replicas, Backend(name, (port,)), contents, frozen_map(facts))

    return make


@pytest.fixture
def endpoint() -> Endpoint:
    """Make an endpoint around deployments; other fields by keyword."""

    def make(
        *deployments: DeploymentState, name: str = "qa", auth_mode: str = "key", **fields: object
    ) -> EndpointState:
        return EndpointState(
            name,
            8000,
            auth_mode,
            primary="first key, as long as a generated one",
            secondary="second key, as long as a generated one",
            token_secret="a secret of thirty-two bytes or more",
            deployments=frozen_map({one.name: one for one in deployments}),
            **fields,  # type: ignore[arg-type]
        )

    return make
