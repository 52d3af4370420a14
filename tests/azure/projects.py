"""A user's project whose stack lives in the simulated Azure, driven through `sluice` and the real engine."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from projects import Project
from tests.azure.simulator.beside import Beside, beside
from tests.azure.simulator.datastores import add_datastore
from tests.azure.simulator.server import simulated
from tests.azure.simulator.world import World
from tests.unit.azure.conftest import DEPLOYMENT, ENDPOINT, STACK

ANSWERS = "onlineEndpoints/answers"
KEY = "the-key-of-the-model"
TOKEN = "a-token-for-blue"
SETTINGS = "target: azure\nsubscription: sub\nresourceGroup: group\nworkspace: space\n"
BLUE = DEPLOYMENT.replace("${config:token}", "${env:TOKEN}")
GREEN = BLUE.replace("name: blue", "name: green")
_PLUGIN = "pulumi-resource-azure-native"


@dataclass
class AzureProject(Project):
    """A project, and the Azure it lives in."""

    world: World = None  # type: ignore[assignment] # given by `lent_azure`
    around: Beside = None  # type: ignore[assignment]

    def weights(self) -> dict[str, int]:
        """Return what is live."""
        found: dict[str, int] = self.world.must(f"{self.world.workspace_id}/{ANSWERS}").body["properties"]["traffic"]
        return found

    def body(self, *parts: str) -> dict[str, Any]:
        """Return what lies in the workspace."""
        return self.world.must("/".join((self.world.workspace_id, *parts))).body

    def asked(self, *arguments: str) -> list[tuple[str, str]]:
        """Run `sluice`, which has to succeed; return the requests that ARM got meanwhile."""
        before = len(self.world.requests)
        self.must(*arguments)
        return self.world.requests[before:]

    def state(self) -> str:
        """Return all that Pulumi keeps of the stack."""
        files = (self.root / ".sluice" / "state").rglob("*")
        return "\n".join(file.read_text(errors="replace") for file in files if file.is_file())


@contextmanager
def lent_azure(root: Path) -> Iterator[AzureProject]:
    """Lend a project with an endpoint, a flow and a connection, and an Azure with an empty workspace."""
    with simulated() as arm, beside() as around:
        arm.world.settings.polls = 1
        add_datastore(arm.world)
        root.mkdir()
        project = AzureProject(root, _environ(root, arm.url, around), arm.world, around)
        for name, content in {**STACK, "endpoints/answers/blue.yaml": BLUE}.items():
            project.write(name, content)
        project.must("init", ".", "--name", "library")
        project.write("stacks/dev/stack.yaml", SETTINGS)
        yield project


def endpoint(**weights: int) -> str:
    """Return the endpoint's specification with other weights."""
    return ENDPOINT.replace(
        "{blue: 100}", "{" + ", ".join(f"{name}: {weight}" for name, weight in weights.items()) + "}"
    )


def _environ(root: Path, arm: str, around: Beside) -> dict[str, str]:
    """Return an environment in which Azure is the simulated one, and nobody is logged in to a real one."""
    import os

    command = root.with_name(f"{root.name}-bin") / _PLUGIN
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).parent / "standin" / "plugin.py"}" "$@"\n')
    command.chmod(0o755)
    return {
        **around.environ,
        "PATH": os.pathsep.join([str(command.parent), os.environ["PATH"]]),
        "AZURE_NATIVE_SIMULATOR": arm,
        "SLUICE_AZURE_ARM": arm,
        "KEY": KEY,
        "TOKEN": TOKEN,
    }
