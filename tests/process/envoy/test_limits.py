"""How much and how long: 429, 408, queues, streams, health."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from sluice.spec.models import Probe
from sluice.targets.local.envoy.clusters import cluster_name

if TYPE_CHECKING:
    from replica_server import Replica
    from tests.process.envoy.conftest import Door

    from sluice.targets.local.envoy.desired import Backend

pytestmark = pytest.mark.process

Doors = Callable[..., "Door"]
Replicas = Callable[..., "Replica"]
Backends = Callable[..., "Backend"]

PATIENT = Probe(period=1, timeout=1, failure_threshold=30)


def failed_checks(open_door: Door, backend: Backend) -> int:
    name = f"cluster.{cluster_name(backend)}.health_check.failure"
    return int(open_door.router.admin.stats(f"^{name}$")[name])


@pytest.mark.parametrize(("count", "limit"), [(1, 1), (2, 3)])
def test_the_limit_executes_as_many_wait_and_the_next_is_too_many(
    door: Doors, replica: Replicas, backend: Backends, count: int, limit: int
) -> None:
    replicas = [replica(str(number), held=True) for number in range(count)]
    open_door = door(backend("blue", *replicas, max_concurrent=limit), blue=100)
    router, room = open_door.router, count * limit
    executing = []
    for number in range(1, room + 1):
        executing.append(open_door.start())
        open_door.wait(lambda number=number: sum(one.active for one in replicas) == number)  # type: ignore[misc]
    queued = [open_door.start() for _ in range(room)]
    open_door.wait(lambda: router.in_flight("blue") == 2 * room)
    refused = open_door.ask()
    assert (refused.status, refused.code) == (429, "TooManyRequests")
    assert refused.headers["ms-azureml-model-error-reason"] == "too many requests"
    for one in replicas:
        one.held = False
    assert {wait()[0].status for wait in executing + queued} == {200}
    assert [one.most_active for one in replicas] == [limit] * count
    assert router.drained("blue", 10)


def test_servers_that_close_after_each_answer_lose_nothing(door: Doors, replica: Replicas, backend: Backends) -> None:
    replicas = [replica(name, keep_alive=False, one_at_a_time=True) for name in "ab"]
    open_door = door(backend("blue", *replicas, max_concurrent=1, keepalive_s=0), blue=100)
    waits = [open_door.start(300) for _ in range(4)]
    assert {answer.status for wait in waits for answer in wait()} == {200}
    assert [one.most_active for one in replicas] == [1, 1]


def test_a_stream_passes_event_by_event(door: Doors, replica: Replicas, backend: Backends) -> None:
    blue = replica("b", stream=("one", "two"))
    event = door(backend("blue", blue), blue=100).events()
    assert event() == "data: one"
    assert blue.held, "the second is sent only now"
    blue.held = False
    assert event() == "data: two"
    blue.held = False
    assert event() == ""


def test_a_busy_replica_is_not_taken_out_before_the_probe_says_so(
    door: Doors, replica: Replicas, backend: Backends
) -> None:
    blue = replica("b", keep_alive=False, one_at_a_time=True)
    of_blue = backend("blue", blue, max_concurrent=1, probe=PATIENT, keepalive_s=0)
    open_door = door(of_blue, blue=100)
    blue.held = True
    waiting = [open_door.start()]
    open_door.wait(lambda: failed_checks(open_door, of_blue) >= 2)
    waiting.append(open_door.start())
    open_door.wait(lambda: open_door.router.in_flight("blue") == 2)
    blue.held = False
    assert {wait()[0].status for wait in waiting} == {200}


def test_a_probe_that_fails_less_often_than_its_threshold_changes_nothing(
    door: Doors, replica: Replicas, backend: Backends
) -> None:
    blue = replica("b")
    of_blue = backend("blue", blue, probe=PATIENT)
    open_door = door(of_blue, blue=100)
    blue.healthy = False
    open_door.wait(lambda: failed_checks(open_door, of_blue) >= 2)
    assert open_door.router.healthy(of_blue)
    assert open_door.ask().status == 200


def test_a_replica_that_fails_its_probe_is_out_until_it_passes(
    door: Doors, replica: Replicas, backend: Backends
) -> None:
    well, ill = replica("well"), replica("ill", healthy=True)
    of_blue = backend("blue", well, ill)
    open_door = door(of_blue, blue=100)
    ill.healthy = False
    open_door.wait(lambda: not open_door.router.healthy(of_blue))
    assert {answer.body for answer in open_door.many(50)} == {'{"name": "well", "path": "/score"}'}
    well.healthy = False
    open_door.wait(lambda: open_door.router.admin.members(cluster_name(of_blue)).healthy == 0)
    nobody = open_door.ask()
    assert (nobody.status, nobody.code) == (503, "NoHealthyReplica")
    ill.healthy = True
    open_door.wait(lambda: open_door.ask().status == 200)
