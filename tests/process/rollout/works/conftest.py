"""A web server that does as it is told, and a place where a step's work is done."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from told_server import WAIT_S, Web

from sluice.rollout.world import Scene
from sluice.spec.frozen import frozen_map

KEY = "0123456789-the-key-of-the-door"


@pytest.fixture
def web() -> Iterator[Web]:
    server = Web()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join(WAIT_S)
    assert not server.overslept, "somebody waited for a server that hangs"


@pytest.fixture
def scene(web: Web, tmp_path: Path) -> Scene:
    return Scene(
        endpoint="chat",
        stable="blue",
        green="green",
        url=web.address(),
        root=tmp_path,
        folder=tmp_path / "reports",
        headers=frozen_map({"Authorization": f"Bearer {KEY}"}),
    )


@pytest.fixture
def no_secret(tmp_path: Path) -> Iterator[None]:
    """Afterwards no file of the test holds the key, and reports are for their owner only."""
    yield
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        assert KEY.encode() not in path.read_bytes(), path
        assert path.parent.name != "reports" or path.stat().st_mode & 0o077 == 0
