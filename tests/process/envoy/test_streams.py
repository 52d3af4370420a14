"""A stream that lasts longer than the deployment that sends it has weight."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from sluice.targets.local.envoy.clusters import cluster_name
from sluice.traffic.router import Routing

if TYPE_CHECKING:
    from replica_server import Replica
    from tests.process.envoy.conftest import Door

    from sluice.targets.local.envoy.desired import Backend

pytestmark = pytest.mark.process

Doors = Callable[..., "Door"]
Replicas = Callable[..., "Replica"]
Backends = Callable[..., "Backend"]
EVENTS = tuple(str(number) for number in range(6))


def test_a_stream_outlives_the_switch_and_the_removal_of_its_deployment(
    door: Doors, replica: Replicas, backend: Backends
) -> None:
    streams = replica("b", stream=EVENTS)
    blue, green = backend("blue", streams), backend("green", replica("g"))
    one = door(blue, green, blue=100)
    router, event = one.router, one.events()
    assert event() == "data: 0"

    def following() -> str:
        streams.held = False
        return event()

    router.set(Routing({"blue": 0, "green": 100}))
    one.wait(lambda: one.ask().deployment == "green")
    assert following() == "data: 1"
    router.set(Routing({"blue": 100, "green": 0}))  # an abort, and on again
    router.set(Routing({"blue": 0, "green": 100}))
    assert following() == "data: 2"
    router.route({"green": green}, Routing({"green": 100}))
    assert not router.drain([cluster_name(blue)], 0.2)
    assert following() == "data: 3"
    router.remove([cluster_name(blue)])
    assert [following(), following(), following()] == ["data: 4", "data: 5", ""]
    assert streams.answered == 1
    assert router.drained("blue", 10)


def test_an_abort_brings_the_weights_back_while_green_still_streams(
    door: Doors, replica: Replicas, backend: Backends
) -> None:
    streams = replica("g", stream=EVENTS[:2])
    one = door(backend("blue", replica("b")), backend("green", streams), green=100)
    event = one.events()
    assert event() == "data: 0"
    one.router.set(Routing({"blue": 100, "green": 0}))
    one.wait(lambda: one.ask().deployment == "blue")
    assert one.router.in_flight("green") == 1
    streams.held = False
    assert [event(), event()] == ["data: 1", ""]
