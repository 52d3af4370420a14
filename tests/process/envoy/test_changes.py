"""What happens to requests while the world changes: nothing."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from sluice.errors import DeploymentFailed, GatewayFailed, PortInUse, TrafficRefused
from sluice.targets.local.envoy.clusters import cluster_name
from sluice.traffic.router import Routing

if TYPE_CHECKING:
    from replica_server import Replica
    from tests.process.envoy.conftest import Door, Loop

    from sluice.targets.local.envoy.desired import Backend

pytestmark = pytest.mark.process

Doors = Callable[..., "Door"]
Replicas = Callable[..., "Replica"]
Backends = Callable[..., "Backend"]


@pytest.mark.parametrize("keep_alive", [True, False])
def test_switches_under_load_lose_nothing(door: Doors, replica: Replicas, backend: Backends, keep_alive: bool) -> None:
    blue, green = (
        backend(name, replica(name, keep_alive=keep_alive), keepalive_s=4 if keep_alive else 0)
        for name in ("blue", "green")
    )
    open_door = door(blue, green, blue=100)
    with open_door.load() as answers:
        for name in ["green", "blue"] * 5:
            open_door.router.set(Routing({name: 100}))
            open_door.wait(lambda name=name: open_door.ask().deployment == name)  # type: ignore[misc]
            already = len(answers)
            open_door.wait(lambda already=already: len(answers) > already + 300)  # type: ignore[misc]
    assert len(answers) > 3000
    assert {answer.status for answer in answers} == {200}


def test_new_replicas_take_over_while_old_requests_end(door: Doors, replica: Replicas, backend: Backends) -> None:
    old_replica = replica("old")
    old, new = backend("blue", old_replica), backend("blue", replica("new"))
    open_door = door(old, blue=100)
    router, names = open_door.router, [cluster_name(old)]
    old_replica.held = True
    in_flight = open_door.start()
    open_door.wait(lambda: old_replica.active == 1)
    router.add_backends([new], 10)
    with pytest.raises(TrafficRefused, match="can still be reached"):
        router.remove(names)
    router.route({"blue": new}, Routing({"blue": 100}))
    open_door.wait(lambda: '"new"' in open_door.ask().body)
    assert list(router.live().draining) == names
    assert not router.drain(names, 0.2)
    old_replica.held = False
    assert router.drain(names, 10)
    router.remove(names)
    assert '"old"' in in_flight()[0].body
    assert list(router.live().clusters) == [cluster_name(new)]
    assert '"new"' in open_door.ask().body


def test_a_cluster_that_is_removed_lets_its_requests_end(door: Doors, replica: Replicas, backend: Backends) -> None:
    held = replica("g", held=True)
    blue, green = backend("blue", replica("b")), backend("green", held)
    open_door = door(blue, green, green=100)
    waits = [open_door.start() for _ in range(20)]
    open_door.wait(lambda: held.active == 20)
    open_door.router.route({"blue": blue}, Routing({"blue": 100}))
    open_door.router.remove([cluster_name(green)])
    active = "cluster_manager.active_clusters"
    assert open_door.router.admin.stats(f"^{active}$")[active] == "1"
    held.held = False
    assert {wait()[0].status for wait in waits} == {200}


def test_replicas_under_load_are_replaced_without_a_loss(
    door: Doors, replica: Replicas, backend: Backends, loop: Loop
) -> None:
    servers = [replica("0")]
    live = backend("blue", *servers)
    open_door = door(live, blue=100)
    with open_door.load() as answers:
        for number in range(1, 4):
            servers.append(replica(str(number)))
            new = backend("blue", servers[-1])
            open_door.router.add_backends([new], 10)
            open_door.router.route({"blue": new}, Routing({"blue": 100}))
            assert open_door.router.drain([cluster_name(live)], 10)
            open_door.router.remove([cluster_name(live)])
            loop.run(servers[-2].kill())
            live = new
    assert {answer.status for answer in answers} == {200}
    assert all(server.answered for server in servers)


def test_a_killed_replica_costs_what_it_was_executing(
    door: Doors, replica: Replicas, backend: Backends, loop: Loop
) -> None:
    dies, lives = replica("dies", held=True), replica("lives", held=True)
    open_door = door(backend("blue", dies, lives), blue=100)
    waits = [open_door.start()]
    open_door.wait(lambda: dies.active + lives.active == 1)
    waits.append(open_door.start())
    open_door.wait(lambda: (dies.active, lives.active) == (1, 1))
    loop.run(dies.kill())
    lives.held = False
    answers = [wait()[0] for wait in waits]
    assert sorted(answer.status for answer in answers) == [200, 502]
    assert next(answer.code for answer in answers if answer.status == 502) == "ReplicaFailed"
    assert {answer.status for answer in open_door.many(300)} == {200}


def test_a_replica_killed_between_requests_costs_nothing(
    door: Doors, replica: Replicas, backend: Backends, loop: Loop
) -> None:
    dies, lives = replica("dies"), replica("lives")
    open_door = door(backend("blue", dies, lives), blue=100)
    open_door.many(50)
    assert dies.answered
    loop.run(dies.kill())
    assert {answer.status for answer in open_door.many(300)} == {200}


def test_a_replica_that_comes_back_is_used_again(door: Doors, replica: Replicas, backend: Backends, loop: Loop) -> None:
    alone = replica("alone")
    open_door = door(backend("blue", alone), blue=100)
    loop.run(alone.kill())
    gone = open_door.ask()
    assert (gone.status, gone.code) == (503, "NoHealthyReplica")
    loop.run(alone.start(alone.port))
    open_door.wait(lambda: open_door.ask().status == 200)


def test_a_refused_route_changes_nothing(door: Doors, replica: Replicas, backend: Backends) -> None:
    blue, stranger = backend("blue", replica("b")), backend("green", replica("g"))
    open_door = door(blue, blue=100)
    with pytest.raises(GatewayFailed, match="refused") as refused:
        open_door.router.route({"blue": blue, "green": stranger}, Routing({"green": 100}))
    assert "unknown cluster" in refused.value.details
    assert open_door.router.read() == Routing({"blue": 100}, {})
    assert open_door.ask().deployment == "blue"
    open_door.router.add_backends([stranger], 10)
    open_door.router.route({"blue": blue, "green": stranger}, Routing({"green": 100}))
    open_door.wait(lambda: open_door.ask().deployment == "green")


def test_replicas_that_do_not_answer_are_not_kept(door: Doors, replica: Replicas, backend: Backends) -> None:
    blue, ill = backend("blue", replica("b")), backend("green", replica("g", healthy=False))
    open_door = door(blue, blue=100)
    with pytest.raises(DeploymentFailed, match="0 of 1 replicas"):
        open_door.router.add_backends([ill], 0.5)
    assert list(open_door.router.live().clusters) == [cluster_name(blue)]
    assert open_door.ask().status == 200


def test_a_port_that_is_taken_is_named(door: Doors, replica: Replicas, backend: Backends) -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as taken, pytest.raises(PortInUse):
        door(backend("blue", replica("b")), port=taken.getsockname()[1], blue=100)


def test_a_gateway_that_ended_is_said_to_have(door: Doors, replica: Replicas, backend: Backends) -> None:
    open_door = door(backend("blue", replica("b")), blue=100)
    open_door.process.terminate()
    open_door.process.wait(20)
    with pytest.raises(GatewayFailed, match="does not answer"):
        open_door.router.set(Routing({}))
    assert open_door.router.read() == Routing({"blue": 100}, {})


def test_a_killed_gateway_comes_back_with_what_was_live(door: Doors, replica: Replicas, backend: Backends) -> None:
    blue, green, other = (backend(name, replica(name)) for name in ("blue", "green", "other"))
    open_door = door(blue, green, blue=100)
    open_door.router.add_backends([other], 10)
    open_door.router.route({"blue": blue, "other": other}, Routing({"other": 100}))
    open_door.restart()
    open_door.wait(lambda: open_door.ask().deployment == "other")
    assert open_door.router.live().draining == {cluster_name(green): green}
    open_door.router.remove([cluster_name(green)])
    assert open_door.ask(headers={"azureml-model-deployment": "green"}).status == 404


def test_the_access_log_can_be_moved_away(door: Doors, replica: Replicas, backend: Backends) -> None:
    open_door = door(backend("blue", replica("b")), blue=100)
    log = open_door.router.paths.access_log
    open_door.ask()
    open_door.wait(lambda: len(open_door.log()) == 1)
    log.rename(log.with_suffix(".1"))
    open_door.router.admin.reopen_logs()
    open_door.ask(headers={"x-request-id": "second"})
    open_door.wait(lambda: [line["request_id"] for line in open_door.log()] == ["second"])
