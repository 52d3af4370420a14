"""Kills of all that takes part in a walk, at each of its moments, under load; and what has to hold after each."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen, TimeoutExpired

from projects import Load, wait_until
from rollout_stage import BLUE, GREEN, NAME, Stage, killed, said

from sluice.rollout.files import Ended
from sluice.rollout.meters.outcomes import Outcome, outcome
from sluice.rollout.models import ENDED, Phase, State
from sluice.targets.local import gateways

STEPS = """\
steps:
  - weight: 10
    hold: 1s
  - weight: 50
    hold: 1s
  - weight: 100
    hold: 1s
  - bake: 1s
analysis:
  - {metric: errors, least_requests: 5}
"""
"""Every share that a caller can be sent by."""

PAUSED = STEPS.replace("  - weight: 50", "  - pause: ask the librarian\n  - weight: 50")
NAMED = (BLUE, {"blue": 90, "green": 10}, {"blue": 50, "green": 50}, GREEN)


@dataclass(frozen=True)
class Moment:
    """When a walk is in a step and a phase; `aborted` has it given up in its first step."""

    phases: frozenset[Phase]
    step: int | None = None
    steps: str = STEPS
    aborted: bool = False

    def reached(self, state: State) -> bool:
        """Tell whether it is there, or was missed."""
        return state.phase in ENDED or (state.phase in self.phases and self.step in {None, state.step})


MOMENTS: Mapping[str, Moment] = {
    "begun": Moment(frozenset(Phase)),
    "a tenth": Moment(frozenset({Phase.WALKING}), 0),
    "paused": Moment(frozenset({Phase.PAUSED}), 1, PAUSED),
    "half": Moment(frozenset({Phase.WALKING}), 1),
    "all": Moment(frozenset({Phase.WALKING, Phase.BAKING}), 2),
    "baking": Moment(frozenset({Phase.BAKING}), 3),
    "returning": Moment(frozenset({Phase.RETURNING, Phase.ABORTED}), aborted=True),
}
VICTIMS = ("engine", "plugin", "command", "gatekeeper", "gateway", "blue", "green")
UNTOUCHED = frozenset({"engine", "plugin", "command", "gatekeeper"})
"""Victims that no request goes through."""


@dataclass(frozen=True)
class Killed:
    """How a walk ended of which `processes` were killed, and what callers lost.

    `callers` are failures as they counted them, `gateway` by its log, by deployment ('' is none).
    """

    ended: Ended
    processes: int
    callers: tuple[str, ...]
    gateway: Mapping[str, int]


def kill(stage: Stage, victim: str, moment: str, after_s: float = 0.0) -> Killed:
    """Walk, kill somebody `after_s` seconds after a moment, look, and bring the walk to its end by the next `up`s.

    Raises AssertionError where something that has to hold does not.
    """
    stage.back()
    wait_until(lambda: _serve(stage))
    stage.plan(MOMENTS[moment].steps)
    last, log = stage.folder.history()[-1:], gateways.paths(stage.target, NAME).access_log
    at = log.stat().st_size if log.exists() else 0
    with stage.load(threads=1) as load, ExitStack() as left:
        update = _walked(stage, MOMENTS[moment], load, left)
        time.sleep(after_s)
        pids = _pids(stage, victim, update)
        for pid in pids:
            killed(pid)
        _truth(stage)
        ended = _brought_to_its_end(stage, update, begun_after=last)
    if victim != "gateway":  # the last lines of one that was killed are gone
        _wait_logged(log, at, load)
    return Killed(ended, len(pids), tuple(load.failed), _failures(log, at))


def wrong(victim: str, moment: str, done: Killed) -> list[str]:
    """Return what should not be after a kill; nothing where all is well."""
    phase, found = done.ended.phase, []
    # A dead green is a bad one, unless it is back before anybody notices.
    allowed = {Phase.DONE, Phase.ROLLED_BACK} if victim == "green" else {Phase.DONE}
    allowed = {Phase.ABORTED} if MOMENTS[moment].aborted else allowed
    if phase not in allowed:
        found.append(f"it ended as {phase}: {done.ended.says}")
    if others := {name: count for name, count in done.gateway.items() if name != victim}:
        found.append(f"requests failed that the killed one had no part in: {others}")
    if victim in UNTOUCHED and done.callers:
        found.append(f"callers lost requests: {done.callers[:5]}")
    return found


def _serve(stage: Stage) -> bool:
    """Whether what an earlier kill left dead is back."""
    return gateways.ready(stage.target, NAME) == {"blue": True, "green": True}


def _walked(stage: Stage, moment: Moment, load: Load, left: ExitStack) -> Popen[str]:
    """Walk until a moment is there; return the `up` that follows."""
    before = stage.state
    wait_until(lambda: load.total > 0)
    update = stage.project.start("up", "--yes")
    left.callback(_over, update)
    stage.until(lambda state: before is None or state.walk.goal_hash != before.walk.goal_hash)
    if moment.aborted:
        stage.until(MOMENTS["a tenth"].reached)
        stage.gatekeeper()
        stage.order_abort()
    stage.until(moment.reached)
    return update


def _pids(stage: Stage, victim: str, update: Popen[str]) -> list[int]:
    if victim == "command":
        return [update.pid]
    if victim == "engine":
        return [pid for pid in stage.pids("pulumi") if _name(pid) == "pulumi"]
    if victim == "plugin":
        return stage.pids("pulumi-resource-sluice")
    if victim == "gatekeeper":
        return [stage.gatekeeper()] if stage.walk().phase not in ENDED else stage.pids("sluice.rollout.gatekeeper")
    program = f"{NAME}.envoy" if victim == "gateway" else stage.replica(victim)
    return [pid for pid in [stage.program(program).pid] if pid]


def _name(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def _truth(stage: Stage) -> None:
    """What is live is named by the plan, and `status` says what is live; a moment may lie between two looks."""

    def true() -> bool:
        before, told, after = stage.live(), stage.told(), stage.live()
        assert before in NAMED
        assert after in NAMED
        live = {name: weight for name, weight in told["weights"]["live"].items() if weight}
        return live in (before, after) and told["phase"] in set(Phase)

    wait_until(true)


def _brought_to_its_end(stage: Stage, update: Popen[str], begun_after: tuple[Ended, ...]) -> Ended:
    _over(update)
    while True:
        done = stage.up()
        assert done.returncode in {0, 1, 3}, said(done)
        assert "Traceback" not in said(done), said(done)
        if stage.walk().phase is Phase.PAUSED:
            stage.promote()
        state = stage.until(lambda state: state.phase in {*ENDED, Phase.PAUSED})
        if state.phase in ENDED:
            break
    ended = stage.ended()
    assert stage.live() == (GREEN if ended.phase is Phase.DONE else BLUE)
    assert (ended,) != begun_after
    assert {**ended.receipt["during"], **ended.receipt["after"]}, "a receipt counts requests"
    return ended


def _over(update: Popen[str]) -> None:
    """Wait for a command, and for what it left behind."""
    try:
        update.communicate(timeout=60)
    except TimeoutExpired:
        os.killpg(update.pid, signal.SIGKILL)
        update.communicate()
        raise


def _wait_logged(log: Path, at: int, load: Load) -> None:
    try:
        wait_until(lambda: len(_outcomes(log, at)) >= load.total, 20)
    except AssertionError:
        found = len(_outcomes(log, at))
        raise AssertionError(f"{found} of {load.total} answered requests are in the gateway's log") from None


def _failures(log: Path, at: int) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for one in _outcomes(log, at):
        if one.failed:
            found[one.deployment] = found.get(one.deployment, 0) + 1
    return found


def _outcomes(log: Path, at: int) -> list[Outcome]:
    with log.open("rb") as file:
        file.seek(at)
        return [one for one in map(outcome, file.readlines()) if one]
