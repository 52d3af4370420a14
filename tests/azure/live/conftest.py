"""A project on a real Azure, for `make test-azure`: skipped where nobody says which workspace it may use.

It costs money while it runs (two instances of Standard_DS3_v2 at most) and takes an hour or so.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import pytest
from projects import Project, new_project

NEEDED = {
    "subscription": "SLUICE_AZURE_SUBSCRIPTION",
    "resourceGroup": "SLUICE_AZURE_RESOURCE_GROUP",
    "workspace": "SLUICE_AZURE_WORKSPACE",
}
SIZE = "SLUICE_AZURE_INSTANCE_TYPE"
_EXAMPLE = "question-answering"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The first example under a name of its own, with blue and a green like it; taken down whatever happens."""
    missing = [variable for variable in NEEDED.values() if not os.environ.get(variable)]
    if missing:
        pytest.skip(f"needs a workspace on Azure: set {', '.join(missing)}")
    made = new_project(tmp_path_factory.mktemp("azure") / "p", _EXAMPLE)
    _settle(made)
    try:
        yield made
    finally:
        made.must("down", "--stack", "dev", "--yes")


def _settle(project: Project) -> None:
    lines = ["target: azure", *(f"{key}: {os.environ[variable]}" for key, variable in NEEDED.items())]
    project.write("stacks/dev/stack.yaml", "\n".join(lines) + "\n")
    name = f"sluice-{uuid.uuid4().hex[:10]}"  # names are unique in a region
    for file in ("endpoint.yaml", "blue.yaml"):
        project.edit(f"endpoints/qa/{file}", _EXAMPLE, name)
    if size := os.environ.get(SIZE):
        project.edit("endpoints/qa/blue.yaml", "Standard_DS3_v2", size)
    blue = (project.root / "endpoints/qa/blue.yaml").read_text()
    (project.root / "endpoints/qa/green.yaml").unlink()
    project.write("later/green.yaml", blue.replace("name: blue", "name: green", 1))
