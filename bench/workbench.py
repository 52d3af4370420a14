"""Projects to measure: the example, and a Pulumi program that does nothing behind the same command."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

# A project is made and driven as the tests do it.
sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "support"))
from projects import SLUICE, Project, ask, new_project

__all__ = ["Project", "ask", "deployed_example", "empty_project", "scratch", "shell_env"]


@contextmanager
def scratch() -> Iterator[Path]:
    """Lend a folder."""
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as folder:
        yield Path(folder).resolve()


@contextmanager
def deployed_example(root: Path) -> Iterator[Project]:
    """Lend the question-answering example, deployed: an endpoint with blue (100 %) and green."""
    project = new_project(root)
    with _up(project):
        yield project


@contextmanager
def empty_project(root: Path) -> Iterator[Project]:
    """Lend a project whose Pulumi program is an empty file: what the command and Pulumi cost by themselves."""
    root.mkdir(parents=True)
    project = Project(root)
    project.must("init", ".", "--name", "empty")
    project.write("infra/__main__.py", "")
    with _up(project):
        yield project


@contextmanager
def _up(project: Project) -> Iterator[None]:
    try:
        project.must("up", "--yes")
        yield
    finally:
        project.must("down", "--yes")


def shell_env(project: Project) -> Mapping[str, str]:
    """Return the environment for calling `pulumi` by hand, as `sluice shell-env` gives it."""
    line = f'eval "$({SLUICE} shell-env)" && env -0'
    done = subprocess.run(["/bin/sh", "-c", line], cwd=project.root, capture_output=True, text=True, check=True)
    return os.environ | dict(entry.split("=", 1) for entry in done.stdout.split("\0") if entry)
