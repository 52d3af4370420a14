"""The one door to what a step does besides moving weights."""

from __future__ import annotations

from sluice.errors import SluiceError
from sluice.judging.verdicts import Verdict
from sluice.rollout.works.evaluate import evaluate
from sluice.rollout.works.live import live
from sluice.rollout.works.load import load
from sluice.rollout.works.parity import parity
from sluice.rollout.works.reports import Done, written
from sluice.rollout.works.secrets import known_secrets
from sluice.rollout.works.webhook import webhook
from sluice.rollout.world import Result, Scene
from sluice.spec.rollout import Evaluate, Load, Parity, Webhook, Work


def perform(work: Work, scene: Scene) -> Result:
    """Do a step's work to its end, and return how it ended; blocks, and ends soon after `scene.stop` is set.

    A load that is live ends at `scene.stop`, or after a while: then it is done again.

    Nothing outside makes it raise: a definite no is a FAIL, no data is INCONCLUSIVE, and the result says why. The
    report is also in `scene.folder`: `evaluate.json`, `webhook.json`, `load.json` or `parity.json`, and its cases in
    `...-cases.jsonl`, one a line, the worst first.
    """
    secrets: tuple[str, ...] = ()
    try:
        secrets = known_secrets(work, scene)
        done = _done(work, scene)
    except SluiceError as error:
        done = Done(Verdict.INCONCLUSIVE, " ".join(str(error).split()))
    except OSError as error:
        done = Done(Verdict.INCONCLUSIVE, f"could not be done ({error.strerror or type(error).__name__})")
    return written(done, scene.folder, type(work).__name__.lower(), secrets)


def _done(work: Work, scene: Scene) -> Done:
    match work:
        case Evaluate():
            return evaluate(work, scene)
        case Webhook():
            return webhook(work, scene)
        case Load():
            return live(work, scene) if work.live else load(work, scene)
        case Parity():
            return parity(work, scene)
