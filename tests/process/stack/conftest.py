"""Projects to test with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from projects import Project, lent


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A fresh project; whatever a test leaves running is taken down."""
    with lent(tmp_path / "p") as project:
        yield project


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project that a module's tests share, up with blue at 100 %."""
    with lent(tmp_path_factory.mktemp("shared") / "p") as project:
        project.must("up", "--yes")
        yield project
