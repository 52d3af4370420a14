"""A project whose stack `prod` is on a simulated Azure; calls are made in this process, logins by azure-identity."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.azure.simulator.identity import Identity, identity
from tests.azure.simulator.names import target
from tests.azure.simulator.server import Simulator, simulated
from tests.azure.simulator.world import World
from tests.unit.azure.conftest import STACK

from sluice.cli.main import run
from sluice.targets.azure.cloud import login

SUBSCRIPTION = "00000000-0000-0000-0000-000000000007"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/group"
SETTINGS = f"target: azure\nsubscription: {SUBSCRIPTION}\nresourceGroup: group\nworkspace: space\n"


class Said(NamedTuple):
    """What a call ended with and wrote."""

    status: int
    out: str
    err: str


@dataclass
class Project:
    """A project, the Azure its stack is on, and the login."""

    root: Path
    world: World
    identity: Identity
    _call: Callable[..., Said]

    def call(self, *arguments: str) -> Said:
        """Run `sluice` here, about the stack on Azure."""
        return self._call(*arguments, "--stack", "prod")

    def write(self, name: str, text: str) -> None:
        """Write a file of the project."""
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text)


@pytest.fixture(scope="session")
def managed_identity() -> Iterator[Identity]:
    with identity() as given:
        yield given


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with simulated(World(SUBSCRIPTION)) as running:
        yield running


@pytest.fixture
def project(
    tmp_path: Path,
    simulator: Simulator,
    managed_identity: Identity,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Project]:
    world = simulator.world
    world.tokens.add(managed_identity.token)
    for arm_id in world.must(world.workspace_id).body["properties"].values():
        if arm_id.startswith("/"):
            world.store(target(arm_id), {"location": world.location, "properties": {}})
    for name, value in {**managed_identity.environ, "SLUICE_AZURE_ARM": simulator.url}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SLUICE_STACK", raising=False)

    def call(*arguments: str) -> Said:
        status = run(list(arguments))
        said = Said(status, *capsys.readouterr())
        assert "Traceback" not in said.err
        return said

    made = Project(tmp_path, world, managed_identity, call)
    for name, content in {
        **STACK,
        "Pulumi.yaml": "name: p\nruntime: python\n",
        "stacks/prod/stack.yaml": SETTINGS,
    }.items():
        made.write(name, content)
    monkeypatch.chdir(tmp_path)
    login.cache_clear()
    yield made
    managed_identity.refuses = False
    managed_identity.asked.clear()
    login.cache_clear()
