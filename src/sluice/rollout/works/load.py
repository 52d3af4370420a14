"""The load generator: requests to the new deployment at a steady rate, and how they were answered."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import TYPE_CHECKING

from sluice.judging.verdicts import Verdict
from sluice.rollout.works import web
from sluice.rollout.works.bodies import DEPLOYMENT, asked, cases_for
from sluice.rollout.works.reports import Done
from sluice.rollout.world import Case, Json, Scene
from sluice.spec.rollout import Load

if TYPE_CHECKING:
    import httpx

_SLOW = 0.8  # of the rate that was asked for: less is told


@dataclass(frozen=True)
class Shot:
    """One request: its case, what came back, and milliseconds from when it was sent and from when it was due."""

    case: str
    status: int | None
    trouble: str
    ms: float
    since_due_ms: float

    @property
    def failed(self) -> bool:
        """Whether it was not answered with 200 to 299 by the deployment it was for."""
        return bool(self.trouble) or self.status is None or not 200 <= self.status <= 299


def load(work: Load, scene: Scene) -> Done:
    """Send `requests` requests to the new deployment, `rate` a second, whatever the weights; cases in turn.

    The loop is open: a request is due at its time however slow the ones before are, but at most `concurrency` are
    under way, so those that are due meanwhile wait. Latency is told both from when a request was sent and from when
    it was due, and a rate that was not reached is told: one machine makes some hundred requests a second. It ends
    early once more have failed than may. It fails when the share of failures (any status but 200 to 299, no answer
    within `timeout_s`, an answer by another deployment) is over `failures_allowed`.

    Raises:
        SluiceError: there are no requests to send.
    """
    cases = cases_for(scene, work.data, work.requests if work.recorded else 0)
    volley = _Volley(work, scene)
    asyncio.run(web.until_stopped(volley.fire(cases), scene.stop))
    return _judged(work, scene, volley)


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest of the ordered numbers that `share` of them do not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


@dataclass
class _Volley:
    """Requests under way, and what became of those that are over."""

    work: Load
    scene: Scene
    shots: list[Shot] = field(default_factory=list)
    failed: int = 0
    last_s: float = 0.0

    async def fire(self, cases: Sequence[Case]) -> None:
        clock = asyncio.get_running_loop()
        free = asyncio.Semaphore(self.work.concurrency)
        began = clock.time()
        async with web.client(self.work.concurrency) as client, asyncio.TaskGroup() as group:
            for number, case in enumerate(islice(cycle(cases), self.work.requests)):
                due = began + number / self.work.rate
                await asyncio.sleep(max(0.0, due - clock.time()))
                await free.acquire()
                self.last_s = clock.time() - began
                if self.failed > self.work.failures_allowed * self.work.requests:
                    return
                group.create_task(self._shoot(client, free, case, due))

    async def _shoot(self, client: httpx.AsyncClient, free: asyncio.Semaphore, case: Case, due: float) -> None:
        clock = asyncio.get_running_loop()
        sent = clock.time()
        try:
            request = asked(case, self.scene, self.scene.green)
            found = await web.answer(client, request, timeout_s=self.work.timeout_s)
        finally:
            free.release()
        over = clock.time()
        shot = self._shot(case, found, (over - sent) * 1000, (over - due) * 1000)
        self.shots.append(shot)
        self.failed += shot.failed

    def _shot(self, case: Case, found: web.Answer | web.Trouble, ms: float, since_due_ms: float) -> Shot:
        if isinstance(found, web.Trouble):
            return Shot(case.id, None, found.says, ms, since_due_ms)
        by = found.headers.get(DEPLOYMENT, self.scene.green)
        trouble = "" if by == self.scene.green else f"answered by {by}"
        return Shot(case.id, found.status, trouble, ms, since_due_ms)


def _judged(work: Load, scene: Scene, volley: _Volley) -> Done:
    shots, failed = volley.shots, volley.failed
    report = _report(shots, failed)
    counts = ", ".join(f"{count} x {what}" for what, count in report["outcomes"].items())
    says = f"{len(shots)} requests to {scene.green}: {counts or 'none'}"
    if shots:
        quantiles = report["latency_ms"]
        report["rate"] = round((len(shots) - 1) / volley.last_s, 3) if volley.last_s else None
        says += f"; p50 {quantiles['p50']:.0f} ms, p95 {quantiles['p95']:.0f} ms"
        if report["rate"] is not None and report["rate"] < _SLOW * work.rate:
            says += f"; {report['rate']:.3g} a second, {work.rate:g} were asked for"
    cases = [_line(shot) for shot in sorted(shots, key=lambda shot: not shot.failed)]
    if failed > work.failures_allowed * work.requests:
        told = f"{failed} of {work.requests} failed, more than {work.failures_allowed * 100:.4g} %"
        return Done(Verdict.FAIL, f"{says}; {told}", report, cases)
    if len(shots) < work.requests:
        return Done(Verdict.INCONCLUSIVE, f"{says}; was stopped before the last", report, cases)
    return Done(Verdict.PASS, says, report, cases)


def _report(shots: Sequence[Shot], failed: int) -> Json:
    outcomes = Counter(shot.trouble or str(shot.status) for shot in shots)
    report: Json = {"requests": len(shots), "failed": failed, "outcomes": dict(outcomes.most_common(20))}
    if shots:
        report["latency_ms"] = _quantiles([shot.ms for shot in shots])
        report["since_due_ms"] = _quantiles([shot.since_due_ms for shot in shots])
    return report


def _quantiles(numbers: list[float]) -> Json:
    ordered = sorted(numbers)
    named = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "max": 1.0}
    return {name: round(quantile(ordered, share), 3) for name, share in named.items()}


def _line(shot: Shot) -> Json:
    times = {"ms": round(shot.ms, 3), "since_due_ms": round(shot.since_due_ms, 3)}
    return {"id": shot.case, "status": shot.status, "trouble": shot.trouble or None, **times}
