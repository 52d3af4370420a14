"""A project in a folder of its own, in which calls are made without a process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from walks import Walked, walk_of

from sluice.cli.main import run
from sluice.rollout.models import Walk
from sluice.spec.frozen import frozen_map
from sluice.targets.local.envoy.desired import Backend
from sluice.targets.local.state import DeploymentState, EndpointState, Replica
from sluice.targets.local.target import LocalTarget
from sluice.traffic.router import Routing


class Said(NamedTuple):
    """What a call ended with and wrote."""

    status: int
    out: str
    err: str


Call = Callable[..., Said]
Stand = Callable[..., EndpointState]
Walks = Callable[..., Walked]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Run `sluice` with these arguments, in this process."""
    monkeypatch.delenv("SLUICE_STACK", raising=False)

    def one(*arguments: str) -> Said:
        status = run(list(arguments))
        said = Said(status, *capsys.readouterr())
        assert "Traceback" not in said.err
        return said

    return one


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project without specifications; it is the working directory."""
    (tmp_path / "Pulumi.yaml").write_text("name: library\nruntime: python\nmain: infra\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def stand(project: Path) -> Stand:
    """Record an endpoint of stack dev as it is when it runs; nothing does."""

    def one(name: str, *deployments: str, auth_mode: str = "key") -> EndpointState:
        made = {
            each: DeploymentState(
                each, "r", (Replica(f"{name}.{each}.0", 9000),), Backend(each, (9000,)), (), frozen_map()
            )
            for each in deployments
        }
        weights = {each: 100 if each == deployments[0] else 0 for each in deployments}
        state = EndpointState(
            name,
            8000,
            auth_mode,
            primary="the first key",
            secondary="the second key",
            token_secret="a secret of thirty-two bytes or more",
            deployments=frozen_map(made),
            routing=Routing(frozen_map(weights)),
        )
        return LocalTarget.of(project, "dev").endpoint(name).save(state)

    return one


@pytest.fixture
def walks(project: Path, stand: Stand) -> Walks:
    """A walk of an endpoint that is recorded as standing."""

    def one(endpoint: str = "chat", walk: Walk | None = None) -> Walked:
        stand(endpoint, "blue", "green")
        root = LocalTarget.of(project, "dev").paths.rollout(endpoint)
        return Walked(root, walk or walk_of(endpoint=endpoint))

    return one
