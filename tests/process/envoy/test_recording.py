"""Recording of what passes a real Envoy: a share, redacted before it is written, bounded, and nothing of strangers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sluice.spec.rollout import Record
from sluice.targets.local.recordings import Recorded, Recordings
from sluice.targets.local.state import plain

if TYPE_CHECKING:
    from replica_server import Replica
    from tests.process.envoy.conftest import Door

    from sluice.targets.local.envoy.desired import Backend

pytestmark = pytest.mark.process

Doors = Callable[..., "Door"]
Replicas = Callable[..., "Replica"]
Backends = Callable[..., "Backend"]
Recorders = Callable[..., "Recorder"]
TRIAL = b"{}"
SECRET = "4711-secret"
ALL = Record(percent=100, redact=("/card", "/name"))


class Recorder:
    """A recorder as a process of a test."""

    def __init__(self, door: Door, folder: Path, record: Record) -> None:
        self.recordings = Recordings(folder)
        words = (str(folder), str(door.router.paths.admin_socket), json.dumps(plain(record)))
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-m", "sluice.targets.local.recorder", *words], stdout=subprocess.PIPE, text=True
        )

    def kept(self) -> list[Recorded]:
        """Newest first, without what was asked to see whether it records."""
        return [one for one in self.recordings.newest(999) if one.body != TRIAL]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorders]:
    started: list[Recorder] = []

    def start(door: Door, record: Record = ALL, *, folder: str = "recorded", waits: bool = True) -> Recorder:
        """Start one; with `waits`, return when it records."""
        one = Recorder(door, tmp_path / folder, record)
        started.append(one)
        before = one.recordings.next_number()
        if waits:
            door.wait(lambda: door.ask(body=TRIAL).status == 200 and one.recordings.next_number() > before)
        return one

    yield start
    for one in started:
        one.kill()
        one.process.communicate()


def on_disk(folder: Path) -> str:
    return "".join(file.read_text() for file in folder.rglob("*") if file.is_file())


def test_a_request_and_its_answer_are_kept_without_what_is_secret(
    door: Doors, replica: Replicas, backend: Backends, recorder: Recorders, tmp_path: Path
) -> None:
    one = door(backend("blue", replica("Ann")), blue=100)
    recording = recorder(one)
    one.ask(body=json.dumps({"q": "hi", "card": SECRET}).encode(), headers={"cookie": f"session={SECRET}"})
    one.wait(lambda: len(recording.kept()) == 1)
    (kept,) = recording.kept()
    assert json.loads(kept.body) == {"q": "hi", "card": "[redacted]"}
    assert kept.answer is not None
    assert json.loads(kept.answer) == {"name": "[redacted]", "path": "/score"}
    assert (kept.status, kept.deployment, kept.content_type) == (200, "blue", "application/json")
    written = on_disk(tmp_path)
    assert SECRET not in written
    assert "first-key" not in on_disk(tmp_path)
    logs = one.router.paths.log.read_text() if one.router.paths.log.exists() else ""
    assert SECRET not in logs + one.router.paths.access_log.read_text()


def test_what_is_not_a_callers_scoring_request_is_not_kept(
    door: Doors, replica: Replicas, backend: Backends, recorder: Recorders
) -> None:
    one = door(backend("blue", replica("b")), blue=100)
    recording = recorder(one)
    assert one.ask(key="wrong", body=b'{"n": 1}').status == 401
    one.ask(headers={"azureml-model-deployment": "blue"}, body=b'{"n": 2}')
    one.ask(path="/version", body=b'{"n": 3}')
    one.ask(body=b"not JSON")
    one.ask(body=b'{"n": 4}')
    one.wait(lambda: bool(recording.kept()))
    assert [kept.body for kept in recording.kept()] == [b'{"n": 4}']


def test_what_is_kept_is_bounded(door: Doors, replica: Replicas, backend: Backends, recorder: Recorders) -> None:
    one = door(backend("blue", replica("b")), blue=100)
    recordings = recorder(one, Record(percent=100, most_requests=5, most_bytes=64)).recordings
    one.ask(body=b"x" * 65)
    for number in range(8):
        one.ask(body=str(number).encode())
    one.wait(lambda: [kept.body for kept in recordings.newest(1)] == [b"7"])
    assert [kept.body for kept in recordings.newest(99)] == [b"7", b"6", b"5", b"4", b"3"]
    assert len(list(recordings.folder.iterdir())) == 5


def test_a_share_is_recorded(door: Doors, replica: Replicas, backend: Backends, recorder: Recorders) -> None:
    one = door(backend("blue", replica("b")), blue=100)
    recording = recorder(one, Record(percent=20))
    one.many(500, body=b'{"n": 1}')
    one.wait(lambda: len(recording.kept()) > 55)
    assert len(recording.kept()) < 145  # five standard deviations from 100


def test_a_killed_recorder_is_followed_by_another_and_a_new_envoy_is_recorded_too(
    door: Doors, replica: Replicas, backend: Backends, recorder: Recorders
) -> None:
    one = door(backend("blue", replica("b")), blue=100)
    recorder(one).kill()
    assert {answer.status for answer in one.many(20)} == {200}
    recording = recorder(one)
    one.restart()
    one.wait(lambda: one.ask(body=b'{"n": 1}').status == 200 and bool(recording.kept()))


def test_the_recorder_says_why_it_records_nothing(
    door: Doors, replica: Replicas, backend: Backends, recorder: Recorders
) -> None:
    one = door(backend("blue", replica("b")), blue=100)
    recorder(one)
    second = recorder(one, folder="second", waits=False)
    assert second.process.stdout is not None
    assert "shows no requests (An attached /tap admin stream already exists" in second.process.stdout.readline()
