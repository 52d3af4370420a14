"""Evaluations: a command or an address is asked for scores, and its gates are judged."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from sluice.judging.gates import Said, judged, notes
from sluice.judging.scores import Printed, Scores, merged, read
from sluice.judging.verdicts import Verdict, worst_of
from sluice.rollout.works import web
from sluice.rollout.works.bodies import DEPLOYMENT
from sluice.rollout.works.command import Command, run
from sluice.rollout.works.reports import Done
from sluice.rollout.works.secrets import hidden, known_secrets, place, revealed, revealed_all
from sluice.rollout.world import Json, Scene
from sluice.spec.rollout import Evaluate
from sluice.targets.local.files import write_private

_JSON = {"content-type": "application/json"}


@dataclass(frozen=True)
class Run:
    """One run of the evaluation: of which deployment, the how-manieth, and what it printed or why it did not."""

    deployment: str
    repeat: int
    printed: Printed | None
    trouble: str = ""


def evaluate(work: Evaluate, scene: Scene) -> Done:
    """Evaluate the new deployment, and where `paired` the stable one too, turn by turn, and judge the gates.

    Each run has `timeout_s`. A run without scores is no data: nothing more is run of that deployment, what there is
    is judged, and what would pass is inconclusive when the new deployment's run is the one that failed.

    A command runs in the project's folder with the environment of this process and:
        SLUICE_ENDPOINT, SLUICE_DEPLOYMENT, SLUICE_SCORING_URL: whom to ask, where.
        SLUICE_HEADERS_FILE: a JSON file with the headers of every request: the door's key, and the one that names
            the deployment. A file of mode 600 that is gone after the run, not a variable: variables are inherited by
            everything the command starts, and land in crash reports.
        SLUICE_REPEAT: which of the repeats it is, from 1.
    An address is sent endpoint, deployment, scoring_url and repeat as JSON; it is not sent the door's key.
    """
    runs = tuple(_runs(work, scene))
    green = _scores(runs, scene.green)
    stable = _scores(runs, scene.stable) if work.paired else None
    said = [one for gate in work.gates for one in judged(gate, green, stable)]
    troubles = [f"{run.deployment}, run {run.repeat}: {run.trouble}" for run in runs if run.trouble]
    verdict = worst_of([one.verdict for one in said])
    if verdict is Verdict.PASS and any(run.trouble for run in runs if run.deployment == scene.green):
        verdict = Verdict.INCONCLUSIVE
    noted = dict.fromkeys(text for gate in work.gates for text in notes(gate.metric, green, stable))
    report: Json = {"gates": [_shown(one) for one in said], "troubles": troubles, "notes": list(noted)}
    return Done(verdict, _line(said, troubles), report, _cases(green, stable))


def _runs(work: Evaluate, scene: Scene) -> Iterator[Run]:
    """Turn by turn, so that what changes with time changes both alike; a deployment whose run failed is left."""
    left = [scene.stable, scene.green] if work.paired else [scene.green]
    for repeat in range(1, work.repeats + 1):
        for deployment in tuple(left):
            if scene.stop.is_set():
                return
            done = _run(work, scene, deployment, repeat)
            yield done
            if done.trouble:
                left.remove(deployment)
            if done.trouble and deployment == scene.green:
                return


def _run(work: Evaluate, scene: Scene, deployment: str, repeat: int) -> Run:
    ask = _by_command if work.command else _by_address
    output, trouble = ask(work, scene, deployment, repeat)
    if trouble:
        return Run(deployment, repeat, None, trouble)
    printed = read(hidden(output.decode(errors="replace"), known_secrets(work, scene)))
    return Run(deployment, repeat, *((None, printed) if isinstance(printed, str) else (printed, "")))


def _by_command(work: Evaluate, scene: Scene, deployment: str, repeat: int) -> tuple[bytes, str]:
    with TemporaryDirectory(prefix="sluice-") as private:
        headers = Path(private, "headers.json")
        write_private(headers, json.dumps({**scene.headers, **_JSON, DEPLOYMENT: deployment}))
        told = {
            "SLUICE_ENDPOINT": scene.endpoint,
            "SLUICE_DEPLOYMENT": deployment,
            "SLUICE_SCORING_URL": scene.url,
            "SLUICE_HEADERS_FILE": str(headers),
            "SLUICE_REPEAT": str(repeat),
        }
        done = run(Command(work.command, scene.root, {**os.environ, **told}, work.timeout_s), scene.stop)
    wrong = done.wrong(known_secrets(work, scene))
    return done.output, f"{work.command[0]} {wrong}" if wrong else ""


def _by_address(work: Evaluate, scene: Scene, deployment: str, repeat: int) -> tuple[bytes, str]:
    body = {"endpoint": scene.endpoint, "deployment": deployment, "scoring_url": scene.url, "repeat": repeat}
    asked = web.Asked(revealed(work.address), headers=revealed_all(work.headers), body=json.dumps(body).encode())
    found = web.ask(asked, timeout_s=work.timeout_s, stop=scene.stop)
    if isinstance(found, web.Trouble):
        return b"", f"{place(work.address)}: {found.says}"
    said = hidden(found.text, known_secrets(work, scene))[:200]
    return found.body, "" if found.good else f"{place(work.address)}: status {found.status}: {said}"


def _scores(runs: tuple[Run, ...], deployment: str) -> Scores:
    return merged([run.printed for run in runs if run.deployment == deployment and run.printed is not None])


def _line(said: list[Said], troubles: list[str]) -> str:
    """Return what decides, in one line: what fails, else what is open, else everything."""
    verdict = worst_of([one.verdict for one in said])
    telling = [one.says for one in said if one.verdict is verdict]
    return "; ".join([*troubles, *telling]) or "no gate is set"


def _shown(said: Said) -> Json:
    found = said.interval
    ends = {"mean": found.mean, "low": found.low, "high": found.high, "cases": found.cases} if found else None
    shown: Json = {"metric": said.metric, "of": said.of, "verdict": said.verdict.value, "says": said.says}
    return {**shown, "value": said.value, "interval": ends, "case": said.case or None}


def _cases(green: Scores, stable: Scores | None) -> list[Json]:
    known = dict.fromkeys([*green.cases, *(stable.cases if stable else ())])
    sides = {"green": green, **({"stable": stable} if stable else {})}
    return [
        {"id": case, **{side: {k: list(v) for k, v in of.cases.get(case, {}).items()} for side, of in sides.items()}}
        for case in known
    ]
