"""Driving a walk: what is written down before it is done, and what a successor makes of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event, Semaphore

import pytest

from sluice.errors import GatewayFailed, StorageFailed
from sluice.judging.verdicts import Verdict
from sluice.rollout.driver import Parts, drive
from sluice.rollout.files import Open, RolloutFolder, Started
from sluice.rollout.machine import begin
from sluice.rollout.models import Command, Metric, MetricKind, Phase, Sample, State, Step, Walk
from sluice.rollout.notify import Teller
from sluice.rollout.proportions import Counts
from sluice.rollout.workers import Workers
from sluice.rollout.world import Measured, Result, Scene, Tallied
from sluice.spec.frozen import frozen_map
from sluice.spec.rollout import Load, Notify, Rollout, RolloutStep, StepKind, Webhook, Work
from sluice.traffic.router import Routing

BLUE, GREEN = frozen_map({"blue": 100, "green": 0}), frozen_map({"blue": 0, "green": 100})
GOOD = (Sample(Counts(90, 0), Counts(10, 0)),)
BAD = (Sample(Counts(90, 0), Counts(10, 9)),)


class Killed(BaseException):
    """Stands for kill -9: nothing of the driver's own runs after it."""


@dataclass
class FakeWorld:
    """An endpoint in memory; `killed_at` counts down the calls of `route` until the process dies in it."""

    routed: Routing = field(default_factory=lambda: Routing(BLUE))
    history: list[Mapping[str, int]] = field(default_factory=list)
    killed_at: int = -1
    refuses: int = 0
    free: bool = False
    in_flight: bool = False
    healthy: Mapping[str, bool] = field(default_factory=lambda: {"blue": True, "green": True})

    def live(self) -> Routing:
        return self.routed

    def route(self, routing: Routing) -> None:
        self.killed_at -= 1
        if self.killed_at == 0:
            raise Killed
        if self.refuses:
            self.refuses -= 1
            raise GatewayFailed("the gateway does not answer")
        self.routed = routing
        self.history.append(dict(routing.weights))

    def ready(self) -> Mapping[str, bool]:
        return self.healthy

    def prepare(self, green: str, like: str) -> str:
        return ""

    def scene(self, folder: Path, stop: Event) -> Scene:
        return Scene("chat", "blue", "green", "http://127.0.0.1:1/score", folder, folder, stop=stop)

    def settle(self, leaving: str, drain_s: float) -> bool:
        return not self.in_flight

    def give_free(self) -> None:
        self.free = True

    def last_words(self, deployment: str, lines: int) -> tuple[str, ...]:
        return ()


@dataclass
class FakeMeter:
    """The same block of requests at each reading; positions count them."""

    block: tuple[Sample, ...] = GOOD
    read_so_far: int = 0

    def read(self, live: Routing | None) -> Measured:
        self.read_so_far += 1
        tally = {"blue": Tallied(90, 0, 0), "green": Tallied(10, 0, 0)}
        return Measured({"errors": self.block}, tally=tally, position={"read": self.read_so_far})

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class Clock:
    """A clock that goes on by itself: ten seconds a look."""

    now: float = 1000.0

    def __call__(self) -> float:
        self.now += 10
        return self.now


def walk_of(*steps: Step) -> Walk:
    metric = Metric("errors", MetricKind.WORSE_THAN_STABLE, least_requests=10)
    return Walk("chat", "version", BLUE, GREEN, "blue", "green", steps, (metric,))


CANARY = (Step(StepKind.WEIGHT, 10, 30), Step(StepKind.WEIGHT, 50, 30), Step(StepKind.WEIGHT, 100, 30))


@pytest.fixture
def folder(tmp_path: Path) -> RolloutFolder:
    return RolloutFolder(tmp_path / "rollout")


def begun(folder: RolloutFolder, walk: Walk) -> Open:
    folder.begin(Started("walk-1", begin(walk, 1000.0), {}, "before", "ada@desk"), {})
    found = folder.read()
    assert found is not None
    return found


def passes(work: Work, scene: Scene) -> Result:
    return Result(Verdict.PASS, "went well")


def parts(
    folder: RolloutFolder,
    world: FakeWorld,
    meter: FakeMeter | None = None,
    rollout: Rollout = Rollout("chat"),  # noqa: B008 - frozen
    perform: Callable[[Work, Scene], Result] = passes,
) -> Parts:
    teller = Teller(folder.root, ())
    done = Workers(perform)
    return Parts(folder, rollout, world, meter or FakeMeter(), done, teller, Clock(), lambda _: None)


def test_a_good_walk_ends_with_all_of_the_goal_and_a_receipt(folder: RolloutFolder) -> None:
    world = FakeWorld()
    drive(parts(folder, world), begun(folder, walk_of(*CANARY)))

    ended = folder.history()[-1]
    assert world.history == [{"blue": 90, "green": 10}, {"blue": 50, "green": 50}, {"blue": 0, "green": 100}]
    assert (ended.phase, ended.who, world.free) == (Phase.DONE, "ada@desk", True)
    assert ended.receipt["during"]["green"].requests > 0


def test_a_bad_one_is_sent_back_and_remembered(folder: RolloutFolder) -> None:
    world = FakeWorld()
    drive(parts(folder, world, FakeMeter(BAD)), begun(folder, walk_of(*CANARY)))

    assert world.history[-1] == dict(BLUE)
    assert folder.history()[-1].phase is Phase.ROLLED_BACK
    assert "errors" in folder.history()[-1].says


@pytest.mark.parametrize("killed_at", [1, 2, 3])
def test_people_are_told_all_whoever_was_killed_when(tmp_path: Path, killed_at: int) -> None:
    said = {}
    for name, world in (("alive", FakeWorld()), ("killed", FakeWorld(killed_at=killed_at))):
        folder = RolloutFolder(tmp_path / name)
        walk = begun(folder, walk_of(*CANARY))
        with suppress(Killed):
            drive(parts(folder, world), walk)
        drive(parts(folder, world), folder.read() or walk)
        said[name] = [(event.phase, event.step) for event in (folder.read() or walk).events]
    assert said["killed"] == said["alive"]


def test_a_notice_that_was_not_delivered_before_a_kill_is_delivered_after_it(folder: RolloutFolder) -> None:
    walk = drive(parts(folder, FakeWorld()), begun(folder, walk_of(*CANARY)))
    file = folder.root / "told.jsonl"
    late = replace(parts(folder, FakeWorld()), teller=Teller(folder.root, (Notify(file=file),)))
    drive(late, walk)
    drive(replace(late, teller=Teller(folder.root, (Notify(file=file),))), walk)

    told = [json.loads(line)["id"] for line in file.read_text().splitlines()]
    assert told == [event.id for event in walk.events]


def test_an_order_ends_the_wait_for_what_is_in_flight(folder: RolloutFolder) -> None:
    world = FakeWorld(in_flight=True)
    waits = parts(folder, world, rollout=Rollout("chat", drain_s=1e9))
    walk = drive(waits, begun(folder, walk_of(*CANARY)), lambda state: state.phase is Phase.DONE)
    order = folder.order(Command.ABORT, "grace@desk")
    drive(waits, walk)

    assert not folder.pending(order)
    assert (folder.history()[-1].phase, world.free) == (Phase.DONE, True)


@pytest.mark.parametrize("killed_at", [1, 2, 3])
def test_whoever_comes_after_a_kill_goes_on_where_it_was(folder: RolloutFolder, killed_at: int) -> None:
    world = FakeWorld(killed_at=killed_at)
    with pytest.raises(Killed):
        drive(parts(folder, world), begun(folder, walk_of(*CANARY)))
    named = [dict(BLUE), {"blue": 90, "green": 10}, {"blue": 50, "green": 50}, dict(GREEN)]
    assert dict(world.routed.weights) in named

    walk = folder.read()
    assert walk is not None
    drive(parts(folder, world, FakeMeter(read_so_far=walk.position.get("read", 0))), walk)
    assert (folder.history()[-1].phase, dict(world.routed.weights)) == (Phase.DONE, dict(GREEN))
    assert [event.id for event in (folder.read() or walk).events] == sorted(
        {event.id for event in (folder.read() or walk).events}, key=lambda one: [int(x) for x in one.split(":")[1:]]
    )


def test_the_log_alone_gives_the_state(folder: RolloutFolder) -> None:
    walk = drive(parts(folder, FakeWorld()), begun(folder, walk_of(*CANARY)))
    read = folder.read()
    assert read is not None
    assert read.state == walk.state
    assert folder.shown() == walk.state


def test_a_line_cut_short_by_a_kill_is_as_if_never_written(folder: RolloutFolder) -> None:
    begun(folder, walk_of(*CANARY))
    before = folder.read()
    with folder.log.open("ab") as log:
        log.write(b'{"record": {"now": 1010.0, "readi')
    assert folder.read() == before

    drive(parts(folder, FakeWorld()), before or pytest.fail("there is a walk"))
    assert folder.history()[-1].phase is Phase.DONE


def test_a_log_that_is_damaged_is_told_as_such(folder: RolloutFolder) -> None:
    begun(folder, walk_of(*CANARY))
    for damage in (b"not JSON\n", b"[1]\n", b'{"record": {}}\n'):
        folder.log.write_bytes(damage)
        with pytest.raises(StorageFailed, match="damaged"):
            folder.read()


def test_an_order_is_carried_out_once_and_acknowledged(folder: RolloutFolder) -> None:
    world = FakeWorld()
    walk = begun(folder, walk_of(Step(StepKind.WEIGHT, 10), Step(StepKind.PAUSE), *CANARY[1:]))
    walk = drive(parts(folder, world), walk, lambda state: state.phase is Phase.PAUSED)
    order = folder.order(Command.ABORT, "grace@desk")
    drive(parts(folder, world), walk)

    assert not folder.pending(order)
    assert (folder.history()[-1].phase, folder.history()[-1].says) == (Phase.ABORTED, "aborted by grace@desk")
    assert dict(world.routed.weights) == dict(BLUE)


def test_a_gateway_that_does_not_answer_is_asked_again_and_told_once(folder: RolloutFolder) -> None:
    world = FakeWorld(refuses=3)
    drive(parts(folder, world), begun(folder, walk_of(*CANARY)))

    walk = folder.read()
    assert folder.history()[-1].phase is Phase.DONE
    assert (
        [event.says for event in walk.events if "gateway" in event.says] == ["the gateway does not answer; tried again"]
        if walk
        else pytest.fail("there is a walk")
    )


def test_work_that_was_under_way_at_a_kill_is_begun_again(folder: RolloutFolder) -> None:
    asked = Event()

    def dies(work: Work, scene: Scene) -> Result:
        asked.set()
        scene.stop.wait(30)
        return Result(Verdict.FAIL, "stopped")

    rollout = Rollout("chat", steps=(RolloutStep(StepKind.WEBHOOK, work=Webhook("http://127.0.0.1:1/")),))
    steps = (Step(StepKind.WEBHOOK, source=0), *CANARY)
    first = parts(folder, FakeWorld(), rollout=rollout, perform=dies)
    walk = drive(first, begun(folder, walk_of(*steps)), lambda _: asked.is_set())
    assert walk.state.attempt == 1

    read = folder.read()
    assert read is not None
    drive(parts(folder, FakeWorld(), rollout=rollout), read)
    assert folder.history()[-1].phase is Phase.DONE


LIVE = Rollout("chat", steps=(RolloutStep(StepKind.LOAD, work=Load(rate=5, live=True)),))


@dataclass
class Loader:
    """Sends nothing until it is stopped; tells how many there are now, and how many there were."""

    began: int = 0
    ended: int = 0
    done: Event = field(default_factory=Event)

    def __call__(self, work: Work, scene: Scene) -> Result:
        self.began += 1
        self.done.set()
        assert scene.stop.wait(30), "it was never stopped"
        self.ended += 1
        return Result(Verdict.PASS, "was stopped")


def test_a_live_load_passes_at_once_and_goes_on_to_the_end(folder: RolloutFolder) -> None:
    loader, world = Loader(), FakeWorld()
    steps = (Step(StepKind.LOAD, source=0), *CANARY, Step(StepKind.BAKE, hold_s=30))
    parted = parts(folder, world, rollout=LIVE, perform=loader)

    def baking(state: State) -> bool:
        assert loader.ended == 0
        return state.phase is Phase.BAKING

    walk = drive(parted, begun(folder, walk_of(*steps)), baking)
    assert "live load of 5 requests a second until the rollout has ended; now weight 10 %" in walk.events[0].says
    assert (loader.began, loader.ended) == (1, 1), "whoever drives no more sends no more"

    drive(parts(folder, world, rollout=LIVE, perform=loader), walk)
    assert folder.history()[-1].phase is Phase.DONE
    assert (loader.began, loader.ended) == (2, 2), "the successor began it again"


def test_a_live_load_is_begun_again_by_who_comes_after_a_kill_in_its_own_step(folder: RolloutFolder) -> None:
    loader = Loader()
    blind = FakeWorld()
    steps = (Step(StepKind.LOAD, source=0), *CANARY)
    first = parts(folder, blind, rollout=LIVE, perform=loader)
    drive(first, begun(folder, walk_of(*steps)), lambda _: loader.done.is_set())

    read = folder.read()
    assert read is not None
    drive(parts(folder, blind, rollout=LIVE, perform=loader), read)
    assert folder.history()[-1].phase is Phase.DONE
    assert loader.began == loader.ended == 2


def test_a_live_load_that_can_not_be_done_is_told_once_and_fails_no_gate(folder: RolloutFolder) -> None:
    tries = Semaphore(0)

    def missing(work: Work, scene: Scene) -> Result:
        tries.release()
        return Result(Verdict.INCONCLUSIVE, "requests.jsonl: can't be read")

    class Slow(FakeMeter):
        """Each reading but the first lasts until it was tried once more."""

        def read(self, live: Routing | None) -> Measured:
            assert self.read_so_far == 0 or self.read_so_far > 5 or tries.acquire(timeout=30)
            return super().read(live)

    steps = (Step(StepKind.LOAD, source=0), *CANARY)
    often = replace(parts(folder, FakeWorld(), Slow(), rollout=LIVE), workers=Workers(missing, again_s=0))
    walk = drive(often, begun(folder, walk_of(*steps)))

    assert folder.history()[-1].phase is Phase.DONE
    assert [event.says for event in walk.events if "requests.jsonl" in event.says] == [
        "live load: requests.jsonl: can't be read; tried again"
    ]


def test_a_long_log_is_written_anew_and_says_the_same(tmp_path: Path) -> None:
    folder = RolloutFolder(tmp_path, largest_log=2000)
    drive(parts(folder, FakeWorld()), begun(folder, walk_of(*(replace(one, hold_s=600) for one in CANARY))))

    assert folder.log.stat().st_size < 20_000
    read = folder.read()
    assert read is not None
    assert read.state.phase is Phase.DONE
    assert len({event.id for event in read.events}) == len(read.events) >= 3
