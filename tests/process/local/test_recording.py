"""Recording as a part of an endpoint: on, off, changed, and gone with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from sluice.spec.rollout import Record
from sluice.targets.local import deployments, endpoints, recording, traffic

if TYPE_CHECKING:
    from tests.process.local.conftest import LightEndpoint

pytestmark = pytest.mark.process

NAME, ALL = "light", Record(percent=100, redact=("/asked/secret", "/secret"))


def record_some(light: LightEndpoint) -> None:
    """Ask until something is recorded."""
    light.until(lambda: bool(light.ask({"q": 1, "secret": "x"})) and bool(recording.recorded(light.target, NAME, 1)))


def test_recording_is_on_from_when_it_was_set_until_it_is_not(light: LightEndpoint) -> None:
    target = light.target
    light.deploy("blue")
    light.switch(blue=100)
    assert recording.recorded(target, NAME, 9) == ()
    recording.set_recording(target, NAME, None)
    recording.set_recording(target, NAME, ALL)
    record_some(light)
    pid = light.pids()[f"{NAME}.recorder"]
    recording.set_recording(target, NAME, ALL)
    assert light.pids()[f"{NAME}.recorder"] == pid, "setting it twice changes nothing"
    (newest,) = recording.recorded(target, NAME, 1)
    assert json.loads(newest.body) == {"q": 1, "secret": "[redacted]"}
    assert newest.answer is not None
    assert json.loads(newest.answer)["asked"]["secret"] == "[redacted]"
    assert newest.deployment == "blue"
    recording.set_recording(target, NAME, Record(percent=100, most_requests=1))
    light.until(lambda: len(recording.recorded(target, NAME, 9)) == 1)
    recording.set_recording(target, NAME, None)
    assert recording.recorded(target, NAME, 9) == ()
    assert f"{NAME}.recorder" not in light.pids()


def test_recordings_go_with_their_endpoint(light: LightEndpoint) -> None:
    light.deploy("blue")
    light.switch(blue=100)
    recording.set_recording(light.target, NAME, ALL)
    record_some(light)
    traffic.close(light.target, NAME)
    deployments.remove(light.target, NAME, "blue")
    endpoints.remove(light.target, NAME)
    assert not light.target.endpoint(NAME).folder.exists()
    assert light.target.supervisor.programs() == ()
