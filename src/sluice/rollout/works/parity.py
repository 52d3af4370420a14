"""Parity: the same requests to both deployments, and their answers compared."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sluice.judging.verdicts import Verdict
from sluice.rollout.works import web
from sluice.rollout.works.bodies import DEPLOYMENT, MOST, asked, cases_for
from sluice.rollout.works.command import Command, run
from sluice.rollout.works.likeness import Reply, by_body, by_status, mean_and_worst, nowhere, parsed
from sluice.rollout.works.reports import Done, shortened
from sluice.rollout.works.secrets import known_secrets
from sluice.rollout.world import Case, Json, Scene
from sluice.spec.rollout import Likeness, Parity

if TYPE_CHECKING:
    import httpx

_AT_ONCE = 4
_MOST_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Pair:
    """A case and both answers."""

    case: Case
    stable: Reply
    green: Reply


@dataclass(frozen=True)
class Compared:
    """How alike the answers of a case are, None where that can't be told, and why."""

    pair: Pair
    likeness: float | None
    why: str = ""


def parity(work: Parity, scene: Scene) -> Done:
    """Ask both deployments the same, and hold mean and worst of the likenesses against their limits.

    Both are asked live and at the same moment, by four cases at once: a recorded answer would be of another version,
    or of another day's model. What statuses mean is told by `likeness.by_status`. A case that can't be compared
    keeps the step from passing; the mean fails only where it would even if all such cases were alike.

    Raises:
        SluiceError: there are no requests to send.
    """
    cases = cases_for(scene, work.data, work.recorded or MOST)
    pairs: list[Pair] = []
    asyncio.run(web.until_stopped(_ask_all(work, scene, cases, pairs), scene.stop))
    compared = []
    for pair in pairs:
        if scene.stop.is_set():
            break
        compared.append(_compared(work, scene, pair))
    return _judged(work, scene, compared, len(cases))


async def _ask_all(work: Parity, scene: Scene, cases: Sequence[Case], pairs: list[Pair]) -> None:
    free = asyncio.Semaphore(_AT_ONCE)

    async def pair(client: httpx.AsyncClient, case: Case) -> None:
        try:
            both = (_reply(client, work, scene, case, name) for name in (scene.stable, scene.green))
            pairs.append(Pair(case, *await asyncio.gather(*both)))
        finally:
            free.release()

    async with web.client(2 * _AT_ONCE) as client, asyncio.TaskGroup() as group:
        for case in cases:
            await free.acquire()
            group.create_task(pair(client, case))


async def _reply(client: httpx.AsyncClient, work: Parity, scene: Scene, case: Case, deployment: str) -> Reply:
    request = asked(case, scene, deployment)
    found = await web.answer(client, request, timeout_s=work.timeout_s, most_bytes=_MOST_BYTES)
    if isinstance(found, web.Trouble):
        return Reply(None, trouble=found.says)
    by = found.headers.get(DEPLOYMENT, deployment)
    return Reply(found.status, found.body) if by == deployment else Reply(None, trouble=f"answered by {by}")


def _compared(work: Parity, scene: Scene, pair: Pair) -> Compared:
    decided = by_status(pair.stable, pair.green)
    if decided is not None:
        return Compared(pair, *decided)
    if work.likeness is Likeness.COMMAND:
        return Compared(pair, *_by_command(work, scene, pair))
    return Compared(pair, *by_body(work.likeness, work.fields, pair.stable.body, pair.green.body))


def _by_command(work: Parity, scene: Scene, pair: Pair) -> tuple[float | None, str]:
    """The command gets id, request, stable and green (status and body) as JSON; it has no key to ask anybody."""
    given = {
        "id": pair.case.id,
        "request": parsed(pair.case.body),
        "stable": {"status": pair.stable.status, "body": parsed(pair.stable.body)},
        "green": {"status": pair.green.status, "body": parsed(pair.green.body)},
    }
    command = Command(work.command, scene.root, os.environ, work.timeout_s, json.dumps(given).encode())
    done = run(command, scene.stop)
    if wrong := done.wrong(known_secrets(work, scene)):
        return None, f"the command {wrong}"
    text = done.output.decode(errors="replace").strip()
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found <= 1:
        return None, f"the command printed no number from 0 to 1: {shortened(text, 100) or 'nothing'}"
    return found, ""


def _judged(work: Parity, scene: Scene, compared: Sequence[Compared], cases: int) -> Done:
    known = [one for one in compared if one.likeness is not None]
    likenesses = [one.likeness for one in known if one.likeness is not None]
    report: Json = {"likeness": work.likeness.value, "compared": len(known), "asked": cases}
    lines = [_line(one) for one in sorted(compared, key=_rank)]
    if not likenesses:
        why = compared[0].why if compared else "stopped"
        return Done(Verdict.INCONCLUSIVE, f"none of {cases} cases could be compared: {why}", report, lines)
    mean, worst = mean_and_worst(likenesses)
    report |= {"mean": mean, "worst": worst}
    verdict, telling = _verdict(work, compared, likenesses, cases)
    least = next(one for one in known if one.likeness == worst)
    why = f": {least.why}" if least.why else ""
    says = f"{scene.green} is alike to {mean:.4g} over {len(known)} cases, to {worst:.4g} in {least.pair.case.id}{why}"
    return Done(verdict, "; ".join([says, *telling]), report, lines)


def _verdict(
    work: Parity, compared: Sequence[Compared], found: Sequence[float], cases: int
) -> tuple[Verdict, list[str]]:
    mean, worst = mean_and_worst(found)
    missing = cases - len(found)
    failing = []
    if (sum(found) + missing) / cases < work.mean_at_least:
        failing.append(f"the mean is under {work.mean_at_least:.4g}")
    if worst < work.worst_at_least:
        failing.append(f"the worst is under {work.worst_at_least:.4g}")
    if failing:
        return Verdict.FAIL, failing
    doubts = _doubts(work, compared, missing)
    if mean < work.mean_at_least:
        doubts.append(f"the mean is under {work.mean_at_least:.4g} as far as it is known")
    return (Verdict.INCONCLUSIVE if doubts else Verdict.PASS), doubts


def _doubts(work: Parity, compared: Sequence[Compared], missing: int) -> list[str]:
    """Return why a pass would say too much."""
    doubts = []
    if missing:
        why = next((one.why for one in compared if one.likeness is None), "stopped")
        doubts.append(f"{missing} could not be compared ({why})")
    answered = [one.pair for one in compared if one.pair.stable.good]
    if not answered:
        doubts.append("the stable deployment refuses every request")
    elif work.likeness in {Likeness.FIELDS, Likeness.SIMILARITY}:
        answers = [parsed(reply.body) for pair in answered for reply in (pair.stable, pair.green)]
        doubts += [f"no answer has anything at {pointer}" for pointer in nowhere(work.fields, answers)]
    return doubts


def _rank(one: Compared) -> float:
    return -1.0 if one.likeness is None else one.likeness


def _line(one: Compared) -> Json:
    return {
        "id": one.pair.case.id,
        "likeness": one.likeness,
        "why": one.why or None,
        "request": shortened(one.pair.case.body.decode(errors="replace")),
        "stable": _shown(one.pair.stable),
        "green": _shown(one.pair.green),
    }


def _shown(reply: Reply) -> Json:
    if reply.status is None:
        return {"status": None, "trouble": reply.trouble}
    return {"status": reply.status, "answer": shortened(reply.body.decode(errors="replace"))}
