"""The meter beside a real Envoy: what it counts is what callers saw."""

from __future__ import annotations

import time

import pytest
from shop import AT, Loop, Shop, until

from sluice.rollout.meters.local import LocalMeter, before
from sluice.rollout.models import Sample, Step
from sluice.rollout.proportions import Counts
from sluice.rollout.world import Measured, Tallied
from sluice.spec.rollout import Compare, Limits, Measure, MetricRule, StepKind
from sluice.traffic.router import Cohort, Routing

pytestmark = pytest.mark.process


def total(samples: tuple[Sample, ...]) -> tuple[Counts, Counts]:
    return sum((s.stable for s in samples), Counts()), sum((s.green for s in samples), Counts())


class Reads:
    """What a meter has measured, all together."""

    def __init__(self) -> None:
        self.samples: dict[str, tuple[Sample, ...]] = {}
        self.tally: dict[str, Tallied] = {}
        self.last = Measured()

    def take(self, meter: LocalMeter, live: Routing | None) -> Reads:
        self.last = meter.read(live)
        for name, blocks in self.last.samples.items():
            self.samples[name] = (*self.samples.get(name, ()), *blocks)
        for name, one in self.last.tally.items():
            self.tally[name] = self.tally.get(name, Tallied()) + one
        return self

    @property
    def requests(self) -> int:
        return sum(one.requests for one in self.tally.values())


def test_counts_are_what_callers_saw(shop: Shop) -> None:
    shop.ask(60)
    shop.logged(60)
    meter, found = shop.meter(), Reads()
    shop.statuses.clear()
    routing = Routing({"blue": 70, "green": 30})
    shop.router.set(routing)
    shop.ask(400)
    shop.green.status = 400
    shop.ask(100)
    shop.ask(5, azureml_model_deployment="green")
    shop.ask(2, azureml_model_deployment="red")
    shop.ask(3, key="wrong")
    until(lambda: found.take(meter, routing).requests == 510)

    seen = shop.statuses
    named = 5
    blue, green = seen["blue", 200], seen["green", 200] + seen["green", 400]
    assert found.tally["blue"] == Tallied(blue, 0, 0)
    assert found.tally["green"] == Tallied(green, seen["green", 400], 0)
    assert found.tally[""] == Tallied(5, 0, 0), "an unknown name, and strangers"
    errors = total(found.samples["errors"])
    open_block = found.last.position["series"]["errors"]["open"]
    assert errors[0] + Counts(*open_block[:2]) == Counts(blue, 0)
    assert errors[1] + Counts(*open_block[2:]) == Counts(green - named, seen["green", 400] - named)
    assert found.last.troubles == {}


def test_a_slower_green_has_more_slow_requests(shop: Shop) -> None:
    shop.ask(60)
    shop.logged(60)
    meter, found = shop.meter(), Reads()
    routing = Routing({"blue": 50, "green": 50})
    shop.router.set(routing)
    shop.green.delay_s = 0.05
    shop.ask(60)
    until(lambda: found.take(meter, routing).requests == 60)
    stable, green = total(found.samples["latency"])
    assert green.failures == green.requests > 5
    assert stable.failures < stable.requests
    assert total(found.samples["latency limit"])[1] == Counts(green.requests, 0)


def test_a_meter_that_was_killed_is_followed_by_one_that_loses_and_repeats_nothing(shop: Shop) -> None:
    """It is taken over at each reading, the gateway is killed and its log rotated."""
    routing, found, log = Routing({"blue": 50, "green": 50}), Reads(), shop.router.paths.access_log
    shop.router.set(routing)
    found.take(shop.meter(), routing)
    shop.green.status = 500
    for turn in range(6):
        shop.ask(40)
        if turn == 2:
            log.replace(log.with_suffix(".log.1"))
            shop.router.admin.reopen_logs()
        if turn == 4:
            written = 40 * (turn + 1) - log.with_suffix(".log.1").read_bytes().count(b"\n")
            shop.logged(written)
            shop.process.kill()
            shop.process.wait(20)
            shop.start()
        found.take(shop.meter(position=found.last.position), routing)
    until(lambda: found.take(shop.meter(position=found.last.position), routing).requests == 240)
    seen = shop.statuses
    assert found.tally == {"blue": Tallied(seen["blue", 200]), "green": Tallied(*(2 * [seen["green", 500]]))}
    assert found.last.troubles.keys() <= {"latency"}


def test_copies_tell_errors_and_slowness(shop: Shop) -> None:
    shop.ask(60)
    shop.logged(60)
    meter, found = shop.meter(steps=(Step(StepKind.MIRROR, 100),)), Reads()
    routing = Routing({"blue": 100}, {"green": 50})
    shop.green.delay_s = 0.05
    shop.router.set(routing)
    found.take(meter, routing)
    shop.ask(40)
    assert shop.router.drained("green", 10)
    good = len(shop.green.seen)
    shop.green.status = 500
    shop.ask(30)
    assert shop.router.drained("green", 10)
    copies = len(shop.green.seen)
    shop.ask(7, azureml_model_deployment="green")
    assert good > 5 < copies - good
    until(lambda: total(found.take(meter, routing).samples.get("errors", ()))[1].requests == copies)
    assert total(found.samples["errors"])[1] == Counts(copies, copies - good), "those that name green are no copies"
    until(lambda: total(found.take(meter, routing).samples.get("latency", ()))[1].requests == copies)
    assert total(found.samples["latency"])[1] == Counts(copies, copies)
    assert total(found.samples["latency limit"])[1] == Counts(copies, 0)
    assert set(shop.statuses) == {("blue", 200), ("green", 500)}
    found.take(meter, Routing({"blue": 100}))
    assert "copies" not in found.last.position


def test_a_request_that_no_server_answers_is_lost_and_a_timeout_is_not(shop: Shop, loop: Loop) -> None:
    routing, found = Routing({"blue": 0, "green": 100}), Reads()
    meter = shop.meter()
    shop.router.set(routing)
    shop.green.delay_s = 5
    shop.ask()
    loop.run(shop.green.kill())
    shop.ask()
    until(lambda: found.take(meter, routing).requests == 2)
    assert shop.statuses == {("green", 408): 1, ("green", 503): 1}
    assert found.tally == {"green": Tallied(2, 2, 1)}


def test_tokens_are_read_from_the_answers_header(shop: Shop) -> None:
    limits = Limits(at_most=5, compare=Compare.RATIO)
    rule = MetricRule("tokens", Measure.TOKENS, AT, least_requests=4, limits=limits)
    routing, found = Routing({"blue": 50, "green": 50}), Reads()
    meter = shop.meter(rule)
    shop.router.set(routing)
    shop.ask(60)
    until(lambda: found.take(meter, routing).requests == 60)
    assert found.last.numbers == {"tokens": None}
    assert "0 of 4 answers told their tokens" in found.last.troubles["tokens"]
    shop.blue.tokens, shop.green.tokens = 10, 25
    shop.ask(60)
    until(lambda: found.take(meter, routing).requests == 120)
    assert (found.last.numbers, found.last.troubles) == ({"tokens": 2.5}, {})


def test_without_stable_traffic_it_is_said_that_speed_is_not_known(shop: Shop) -> None:
    found = Reads().take(shop.meter(), Routing({"blue": 100}))
    assert found.last.troubles == {"latency": "latency: how quick blue is isn't known yet (0 of 50 requests)"}


def test_a_gateway_that_is_gone_is_a_trouble_and_no_error(shop: Shop) -> None:
    shop.ask(60)
    shop.logged(60)
    meter = shop.meter()
    shop.process.kill()
    shop.process.wait(20)
    found = meter.read(Routing({"blue": 100}, {"green": 10}))
    assert set(found.troubles) == {"errors", "errors limit", "latency", "latency limit"}
    assert (found.samples, found.tally) == ({}, {})
    assert meter.read(None).troubles == {}
    shop.start()


def test_the_requests_of_before_are_counted_from_a_time_on(shop: Shop) -> None:
    shop.green.status = 503
    shop.ask(20)
    shop.ask(4, azureml_model_deployment="green")
    shop.logged(24)
    now = time.time()
    assert before(shop.target, "shop", now, 600) == {"blue": Tallied(20), "green": Tallied(4, 4)}
    assert before(shop.target, "shop", now + 700, 600) == {}
    assert before(shop.target, "none", now) == {}


def test_a_cohorts_requests_are_judged_as_the_new_deployments(shop: Shop) -> None:
    shop.ask(60)
    shop.logged(60)
    meter, found = shop.meter(), Reads()
    routing = Routing({"blue": 100}, cohort=Cohort("green", header="x-tester"))
    shop.router.set(routing)
    for _ in range(10):
        shop.ask(5)
        shop.ask(1, x_tester="me")
    until(lambda: found.take(meter, routing).requests == 60)
    stable, green = total(found.samples["errors"])
    assert (stable, green) == (Counts(50), Counts(10))
