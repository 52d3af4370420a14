"""Projects with a rollout, and a gateway whose requests are measured."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from projects import Project
from rollout_project import rollout_project
from shop import Loop, Shop, shop_with


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Project]:
    """A project with blue serving and nothing rolled out yet."""
    with rollout_project(tmp_path / "p") as project:
        yield project


@pytest.fixture
def loop() -> Iterator[Loop]:
    """An event loop in a thread."""
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture
def shop(loop: Loop) -> Iterator[Shop]:
    """An endpoint of two deployments, without a supervisor."""
    with shop_with(loop) as made:
        yield made
