"""Locks and environments as values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sluice.errors import Mark
from sluice.images.lock import LockRequest, lock_text
from sluice.spec.models import Environment

COMPILED = """\
httpx==0.28.1 \\
    --hash=sha256:aa
    # via -r requirements.in, openai
idna==3.20 \\
    --hash=sha256:bb
    # via httpx
openai==3.54.0 \\
    --hash=sha256:cc \\
    --hash=sha256:dd
    # via promptflow
numpy==2.4.6 ; python_full_version < '3.12' \\
    --hash=sha256:ee
    # via -r requirements.in
numpy==2.5.5 ; python_full_version >= '3.12' \\
    --hash=sha256:ff
    # via -r requirements.in
promptflow==1.18.5 \\
    --hash=sha256:00
    # via -r server.in
"""
REQUEST = LockRequest(("httpx", "numpy"), ("promptflow==1.18.5",))


@pytest.fixture
def lock_of() -> Callable[..., str]:
    """Make the text of a lock; `compiled` and `request` by keyword."""

    def make(*, compiled: str = COMPILED, request: LockRequest = REQUEST, source: str = "requirements.txt") -> str:
        return lock_text(request, compiled, source)

    return make


@pytest.fixture
def environment() -> Callable[..., Environment]:
    """Make an environment; its fields by keyword."""

    def make(**fields: object) -> Environment:
        return Environment(at=Mark("environment.yaml"), **fields)  # type: ignore[arg-type]

    return make


@pytest.fixture
def tree(tmp_path: Path) -> Callable[..., Path]:
    """Write files below a folder, by name."""

    def make(files: dict[str, str], folder: str = "context") -> Path:
        root = tmp_path / folder
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return root

    return make
