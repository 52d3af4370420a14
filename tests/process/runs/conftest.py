"""Projects with runs of real flows, through the real command line; the flows' environments are the machine's cache."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from projects import Project, new_project
from run_projects import odd_project, workers_of


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The question answering example, and runs of both flows with their evaluations."""
    project = new_project(tmp_path_factory.mktemp("runs") / "library")
    for name in ("blue", "green"):
        project.must("run", "create", "-f", "evaluations/run.yml", "--name", name, "--set", f"flow=../flows/qa-{name}")
        project.must("run", "create", "-f", "evaluations/run_evaluation.yml", "--run", name, "--name", f"eval-{name}")
    return project


@pytest.fixture
def odd(tmp_path: Path) -> Iterator[Project]:
    """A flow with inputs that it fails, hangs and dies at; nothing of it may be left running."""
    project = odd_project(tmp_path / "odd")
    yield project
    assert not workers_of(project)
