"""Live load: requests that go where the weights send them, beside all other steps, as callers' do."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import TYPE_CHECKING

from sluice.judging.verdicts import Verdict
from sluice.rollout.works import web
from sluice.rollout.works.bodies import MOST, asked, cases_for
from sluice.rollout.works.reports import Done
from sluice.rollout.world import Case, Json, Scene
from sluice.spec.rollout import Load

if TYPE_CHECKING:
    import httpx

SHIFT_S = 600.0
"""After so many seconds it is begun anew: with fresh data, and a fresh key or token for the door."""

_LOOK_S = 0.05
_ENDING_S = 5.0
_STRANGER = 401


def live(work: Load, scene: Scene, shift_s: float = SHIFT_S) -> Done:
    """Send requests by the weights, `rate` a second and cases in turn, until `scene.stop` or for `shift_s` seconds.

    It is careful with the machine it shares: at most `concurrency` requests are under way, and what is due while so
    many are is left out, not caught up on. At the end those under way may end, within 5 s. How the requests are
    answered is the gateway's to count; here only a closed door (401) is a trouble, and INCONCLUSIVE.

    Raises:
        SluiceError: there are no requests to send.
    """
    cases = cases_for(scene, work.data, MOST if work.recorded else 0)
    stream = _Stream(work, scene)
    asyncio.run(stream.flow(cases, shift_s))
    report: Json = {"requests": stream.outcomes.total(), "outcomes": dict(stream.outcomes.most_common(20))}
    if stream.refused:
        return Done(Verdict.INCONCLUSIVE, f"the door of {scene.endpoint} is closed to it ({_STRANGER})", report)
    return Done(Verdict.PASS, f"{report['requests']} requests by the weights", report)


@dataclass
class _Stream:
    """Requests under way, and how those that are over were answered."""

    work: Load
    scene: Scene
    outcomes: Counter[str] = field(default_factory=Counter)
    under_way: set[asyncio.Task[None]] = field(default_factory=set)
    refused: bool = False

    async def flow(self, cases: Sequence[Case], shift_s: float) -> None:
        clock = asyncio.get_running_loop()
        due, until, turn = clock.time(), clock.time() + shift_s, cycle(cases)
        async with web.client(self.work.concurrency) as client:
            while await self._waited(min(due, until)) and clock.time() < until:
                if len(self.under_way) < self.work.concurrency:
                    self._send(client, next(turn))
                due = max(due + 1 / self.work.rate, clock.time())
            await self._ended()

    async def _waited(self, until: float) -> bool:
        """Wait until a time; tell whether there is a reason to go on."""
        clock = asyncio.get_running_loop()
        while not (self.scene.stop.is_set() or self.refused):
            if (left := until - clock.time()) <= 0:
                return True
            await asyncio.sleep(min(left, _LOOK_S))
        return False

    def _send(self, client: httpx.AsyncClient, case: Case) -> None:
        task = asyncio.create_task(self._shoot(client, case))
        self.under_way.add(task)
        task.add_done_callback(self.under_way.discard)

    async def _shoot(self, client: httpx.AsyncClient, case: Case) -> None:
        found = await web.answer(client, asked(case, self.scene), timeout_s=self.work.timeout_s)
        self.outcomes[found.says if isinstance(found, web.Trouble) else str(found.status)] += 1
        self.refused = self.refused or (isinstance(found, web.Answer) and found.status == _STRANGER)

    async def _ended(self) -> None:
        if left := set(self.under_way):
            _, late = await asyncio.wait(left, timeout=_ENDING_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
