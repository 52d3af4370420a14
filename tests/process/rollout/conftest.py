"""Projects with a rollout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from projects import Project
from rollout_project import rollout_project


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Project]:
    """A project with blue serving and nothing rolled out yet."""
    with rollout_project(tmp_path / "p") as project:
        yield project
