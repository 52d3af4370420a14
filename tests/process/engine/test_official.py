"""Pulumi's own site, where it can't be reached: a quick and plain no."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sluice.engine.official import OfficialRelease
from sluice.errors import EngineMissing

pytestmark = pytest.mark.process


@pytest.fixture
def mute_proxy() -> Iterator[str]:
    """The address of a proxy that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def dribbling_proxy() -> Iterator[tuple[str, threading.Event]]:
    """A proxy that sends an endless line, a byte at a time, and an event that tells when its client has gone."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        over, gone = threading.Event(), threading.Event()
        thread = threading.Thread(target=dribble, args=(server, over, gone))
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", gone
        over.set()
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def dribble(server: socket.socket, over: threading.Event, gone: threading.Event) -> None:
    with contextlib.suppress(OSError):
        client, _ = server.accept()
        try:
            while not over.wait(0.05):
                client.sendall(b"H")
        except OSError:
            gone.set()
        finally:
            client.close()


def through(proxy: str) -> OfficialRelease:
    environ = {**os.environ, "HTTPS_PROXY": proxy, "https_proxy": proxy, "NO_PROXY": "", "no_proxy": ""}
    return OfficialRelease("3.259.0", environ, reach_seconds=2)


def test_a_site_that_never_answers_is_given_up(tmp_path: Path, mute_proxy: str) -> None:
    with pytest.raises(EngineMissing, match="can't be reached"):
        through(mute_proxy).install(tmp_path, lambda _line: None)
    assert list(tmp_path.iterdir()) == []


def test_a_site_that_dribbles_is_given_up(tmp_path: Path, dribbling_proxy: tuple[str, threading.Event]) -> None:
    proxy, gone = dribbling_proxy
    with pytest.raises(EngineMissing, match="can't be reached"):
        through(proxy).install(tmp_path, lambda _line: None)
    assert gone.wait(10)


def test_a_site_that_refuses_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(EngineMissing, match="can't be reached"):
        through("http://127.0.0.1:9").install(tmp_path, lambda _line: None)
