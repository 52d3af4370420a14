"""Webhooks: another system is asked whether the rollout may go on."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

from sluice.judging.verdicts import Verdict
from sluice.rollout.works import web
from sluice.rollout.works.reports import Done
from sluice.rollout.works.secrets import hidden, known_secrets, place, revealed, revealed_all
from sluice.rollout.world import Json, Scene
from sluice.spec.rollout import Webhook

_BODYLESS = frozenset({"GET", "HEAD"})
_SHORTEST_WAIT_S, _FIRST_WAIT_S, _LONGEST_WAIT_S = 0.1, 1.0, 15.0
_LONGEST_ASKED_WAIT_S = 60.0
_FIRST_BACKOFF_S = 0.25
_MOST_BYTES = 1024 * 1024
_QUOTED = 200


def webhook(work: Webhook, scene: Scene) -> Done:
    """Ask until there is a yes (200 to 299), a no (400 and more), or nothing more to wait for.

    202 means not yet: it is asked again for up to `wait_s` seconds, after the seconds that `Retry-After` names, else
    after 1 s and longer each time, up to 15 s; then it is inconclusive. 5xx, 408, 429 and no answer are asked again
    `retries` times in a row; then a status is a no, and no answer is inconclusive. So is a redirect, which is not
    followed: it would carry the headers elsewhere. The body is JSON: endpoint, stable, green, step,
    weights, scoring_url, and asked, which counts the questions from 1; GET and HEAD have none.
    """
    asking = _Asking(work, scene, time.monotonic() + work.wait_s)
    while (done := asking.once()) is None:
        scene.stop.wait(asking.pause_s)
    return done


@dataclass
class _Asking:
    """A webhook and how often it was asked; `pause_s` is how long to wait before the next time."""

    work: Webhook
    scene: Scene
    deadline: float
    asked: int = 0
    failed: int = 0
    waited: int = 0
    pause_s: float = 0.0

    def once(self) -> Done | None:
        """Ask once; return how it ended, or None where it is to be asked again."""
        self.asked += 1
        question = _question(self.work, self.scene, self.asked)
        found = web.ask(question, timeout_s=self.work.timeout_s, stop=self.scene.stop, most_bytes=_MOST_BYTES)
        if self.scene.stop.is_set():
            return self._ended(Verdict.INCONCLUSIVE, "was stopped")
        if isinstance(found, web.Answer) and found.status == 202:
            return self._not_yet(found)
        if _passing(found) and self._again():
            return None
        verdict, says = _meaning(found, known_secrets(self.work, self.scene))
        times = f" ({self.failed} times)" if self.failed > 1 and verdict is not Verdict.PASS else ""
        return self._ended(verdict, f"{says}{times}")

    def _not_yet(self, found: web.Answer) -> Done | None:
        self.failed = 0
        self.pause_s = _asked_wait(found) or min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 1.5 ** min(self.waited, 10))
        self.waited += 1
        if time.monotonic() + self.pause_s <= self.deadline:
            return None
        return self._ended(Verdict.INCONCLUSIVE, f"said not yet (202) for {self.work.wait_s:g} s")

    def _again(self) -> bool:
        """Tell whether it may be asked again after a failure, and when."""
        self.pause_s = _FIRST_BACKOFF_S * 2**self.failed
        self.failed += 1
        return self.failed <= self.work.retries

    def _ended(self, verdict: Verdict, says: str) -> Done:
        return Done(verdict, f"webhook {place(self.work.address)} {says}", {"asked": self.asked})


def _passing(found: web.Answer | web.Trouble) -> bool:
    """Tell whether another try may get an answer."""
    return isinstance(found, web.Trouble) or found.status in {408, 429} or found.status >= 500


def _meaning(found: web.Answer | web.Trouble, secrets: tuple[str, ...]) -> tuple[Verdict, str]:
    if isinstance(found, web.Trouble):
        return Verdict.INCONCLUSIVE, f"gave no answer: {found.says}"
    if found.good:
        return Verdict.PASS, f"said yes ({found.status})"
    if found.status < 400:
        return Verdict.INCONCLUSIVE, f"gave no answer: status {found.status}, and redirects are not followed"
    quoted = hidden(" ".join(found.text.split()), secrets)[:_QUOTED]
    return Verdict.FAIL, f"said no ({found.status}){f': {quoted}' if quoted else ''}"


def _question(work: Webhook, scene: Scene, asked: int) -> web.Asked:
    body: Json = {"endpoint": scene.endpoint, "stable": scene.stable, "green": scene.green, "step": scene.step}
    more: Json = {"weights": dict(scene.weights), "scoring_url": scene.url, "asked": asked}
    content = json.dumps(body | more).encode()
    method = work.method.upper()
    return web.Asked(
        revealed(work.address), method, revealed_all(work.headers), None if method in _BODYLESS else content
    )


def _asked_wait(found: web.Answer) -> float:
    """Return the seconds the answer asks to wait; 0 where it asks for none, or names a date."""
    said = found.headers.get("retry-after", "").strip()
    if not (said.isascii() and said.isdigit()):
        return 0.0
    return max(_SHORTEST_WAIT_S, min(float(said), _LONGEST_ASKED_WAIT_S))
