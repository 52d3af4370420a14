"""The traffic of an endpoint on Azure: merged, written whole, read back; never a moment without it."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.azure.conftest import Client, FakeClock, Login
from tests.azure.scenes import endpoint_body, running
from tests.azure.simulator.server import simulated
from tests.azure.simulator.world import Fault, World

from sluice.errors import TrafficRefused, Unsupported
from sluice.targets.azure.arm import ArmClient
from sluice.targets.azure.errors import AzureFailed
from sluice.targets.azure.patience import Patience
from sluice.targets.azure.router import AzureRouter, seconds_of
from sluice.traffic.router import Cohort, Router, Routing


def opened(client: Client) -> tuple[AzureRouter, World]:
    arm_id = running(client.world, "blue", "green", traffic={"blue": 100})
    return AzureRouter(client.arm, arm_id), client.world


def weights(world: World) -> dict[str, int]:
    found: dict[str, int] = world.must(f"{world.workspace_id}/onlineEndpoints/answers").body["properties"]["traffic"]
    return found


def test_it_is_a_router(client: Client) -> None:
    router: Router = opened(client)[0]
    assert router.read() == Routing({"blue": 100, "green": 0})


@pytest.mark.parametrize("way", ["status", "result", "resource"])
def test_from_blue_to_green_in_steps_the_weights_sum_to_100_in_every_state(client: Client, way: str) -> None:
    router, world = opened(client)
    world.settings.way = way
    for share in (10, 50, 90, 100):
        router.set(Routing({"blue": 100 - share, "green": share}))
        assert router.read().weights == {"blue": 100 - share, "green": share}
    assert set(world.sums("answers")) == {100}


def test_all_else_of_the_endpoint_stays(client: Client) -> None:
    router, world = opened(client)
    before = world.must(router.endpoint_id).shown()
    router.set(Routing({"blue": 90, "green": 10}))
    after = world.must(router.endpoint_id).shown()
    assert after["tags"] == before["tags"]
    assert after["identity"] == before["identity"]
    assert after["properties"]["authMode"] == "Key"


def test_weights_that_are_live_already_are_not_written(client: Client) -> None:
    router, world = opened(client)
    router.set(Routing({"blue": 100, "green": 0}))
    assert {method for method, _ in world.requests} == {"GET"}


def test_a_change_of_weights_takes_few_calls(client: Client) -> None:
    router, world = opened(client)
    world.settings.polls = 0
    router.set(Routing({"blue": 50, "green": 50}))
    assert [method for method, _ in world.requests] == ["GET", "GET", "PUT", "GET"]


def test_copies_go_to_a_deployment_without_live_traffic(client: Client) -> None:
    router, _ = opened(client)
    router.set(Routing({"blue": 100}, {"green": 20}))
    assert router.read() == Routing({"blue": 100, "green": 0}, {"green": 20})
    router.set(Routing({"blue": 90, "green": 10}))
    assert router.read().mirror == {}


def test_a_change_between_read_and_write_is_seen_by_its_etag(client: Client) -> None:
    router, world = opened(client)
    real, raced = client.arm.send, list[object]()

    class Racing:
        def __call__(self, request):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN204 - as Send
            if request.method == "PUT" and not raced:
                raced.append(request)
                stored = world.must(router.endpoint_id)
                stored.body["tags"] = {"team": "others"}
                stored.version += 1
            return real(request)

    client.arm.send = Racing()
    router.set(Routing({"blue": 90, "green": 10}))
    assert world.must(router.endpoint_id).body["tags"] == {"team": "others"}
    assert weights(world) == {"blue": 90, "green": 10}


def test_an_endpoint_that_is_being_changed_is_waited_for(client: Client) -> None:
    router, world = opened(client)
    world.settings.polls = 4
    body = endpoint_body(traffic={"blue": 100}, properties={"by": "portal"})
    client.arm.send(_put(client, router.endpoint_id, body))
    router.set(Routing({"blue": 50, "green": 50}))
    live = world.must(router.endpoint_id).body["properties"]
    assert (live["traffic"], live["properties"]) == ({"blue": 50, "green": 50}, {"by": "portal"})
    assert set(world.sums("answers")) == {100}


def _put(client: Client, arm_id: str, body: object):  # type: ignore[no-untyped-def]  # noqa: ANN202 - a Request
    from sluice.targets.azure.transport import Request

    url = f"{client.arm.base}{arm_id}?api-version=2025-12-01"
    return Request("PUT", url, {"Authorization": "Bearer good"}, body)


def test_an_answer_that_is_lost_does_not_lose_the_weights(client: Client) -> None:
    router, world = opened(client)
    world.faults = [Fault("PUT", "answers$", 0, after=True)]
    router.set(Routing({"blue": 0, "green": 100}))
    assert weights(world) == {"green": 100}


def test_what_azure_refuses_leaves_the_weights_as_they_were(client: Client) -> None:
    router, world = opened(client)
    world.faults = [Fault("PUT", "answers$", 400)]
    with pytest.raises(AzureFailed, match="Injected"):
        router.set(Routing({"blue": 0, "green": 100}))
    assert weights(world) == {"blue": 100}


def test_an_endpoint_that_others_change_again_and_again_is_given_up(client: Client) -> None:
    router, world = opened(client)
    world.faults = [Fault("PUT", "answers$", 412, times=99)]
    with pytest.raises(AzureFailed, match="changes it again and again"):
        router.set(Routing({"blue": 50, "green": 50}))
    assert weights(world) == {"blue": 100}


@pytest.mark.parametrize(
    ("routing", "words"),
    [
        (Routing({"blue": 50, "green": 40}), "sums to 90"),
        (Routing({"blue": 50, "gren": 50}), "gren, which does not exist"),
        (Routing({"blue": 100}, {"blue": 10}), "live traffic"),
        (Routing({"blue": 100}, {"green": 60}), "from 0 to 50"),
    ],
)
def test_what_can_not_be_is_refused_before_anything_is_written(client: Client, routing: Routing, words: str) -> None:
    router, world = opened(client)
    with pytest.raises(TrafficRefused) as refused:
        router.set(routing)
    assert words in f"{refused.value}"
    assert {method for method, _ in world.requests} == {"GET"}


def test_copies_are_refused_on_kubernetes(client: Client) -> None:
    router, world = opened(client)
    world.must(router.endpoint_id).body["properties"]["compute"] = "/subscriptions/sub/cluster"
    with pytest.raises(TrafficRefused, match="Kubernetes"):
        router.set(Routing({"blue": 100}, {"green": 10}))


def test_a_cohort_is_refused_with_what_callers_can_do(client: Client) -> None:
    router, _ = opened(client)
    with pytest.raises(Unsupported) as refused:
        router.set(Routing({"blue": 100}, cohort=Cohort("green", "x-beta")))
    assert "azureml-model-deployment" in refused.value.remedy


def test_a_deployment_is_drained_when_its_longest_request_must_have_ended(client: Client) -> None:
    router, _ = opened(client)
    assert router.drained("green", 300)
    assert client.clock.waits == [90]
    assert not router.drained("green", 30)
    with pytest.raises(TrafficRefused, match="still has traffic"):
        router.drained("blue", 300)


@pytest.mark.parametrize(
    ("written", "found"), [("PT1M30S", 90), ("PT0.5S", 0.5), ("PT1H", 3600), (None, None), ("", None)]
)
def test_durations_are_read(written: str | None, found: float | None) -> None:
    assert seconds_of(written) == found


steps = st.lists(st.integers(0, 100), min_size=1, max_size=6)
troubles = st.lists(
    st.builds(
        Fault,
        st.sampled_from(["GET", "PUT"]),
        st.just("answers"),
        st.sampled_from([0, 409, 412, 429, 500, 503]),
        st.integers(1, 3),
        after=st.booleans(),
    ),
    max_size=4,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps, troubles=troubles, polls=st.integers(0, 3), etags=st.booleans())
def test_whatever_goes_wrong_the_weights_sum_to_100(
    steps: list[int], troubles: list[Fault], polls: int, etags: bool
) -> None:
    with simulated() as simulator:
        clock = FakeClock()
        arm = ArmClient(Login(clock), simulator.url, clock=clock, patience=Patience())
        router = AzureRouter(arm, running(simulator.world, "blue", "green", traffic={"blue": 100}))
        simulator.world.faults = troubles
        simulator.world.settings.polls, simulator.world.settings.etags = polls, etags
        for share in steps:
            before = weights(simulator.world)
            wanted = {name: weight for name, weight in {"blue": 100 - share, "green": share}.items() if weight}
            try:
                router.set(Routing(wanted))
            except AzureFailed:
                simulator.world.faults = []
                arm.settled(router.endpoint_id)
                assert weights(simulator.world) in (before, wanted)
            else:
                assert weights(simulator.world) == wanted
        assert set(simulator.world.sums("answers")) == {100}
