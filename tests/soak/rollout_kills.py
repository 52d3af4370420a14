"""usage: rollout_kills.py [--rounds N] [--seed N] [--only WORD]: kill all that takes part in a walk.

Each part is killed at each moment, in an order and with a delay that the seed decides; under load. A walk that ends
otherwise than its strategy says, weights that no plan names, a status that lies, a request that was lost to anything
but a killed replica or gateway: each is printed, and the exit status is 1. What the project was like at the last one
is kept in the folder that is printed first.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from rollout_kills import MOMENTS, VICTIMS, kill, wrong
from rollout_stage import Stage, stage_in

_LONGEST_DELAY_S = 2.0


def main() -> int:
    """Kill as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="a part or a moment")
    call = parser.parse_args()
    random, folder = Random(call.seed), Path(tempfile.mkdtemp(prefix="sluice-kills-")).resolve()
    sys.stdout.write(f"in {folder}\n")
    pairs = [pair for pair in itertools.product(VICTIMS, MOMENTS) if call.only in {"", *pair}] * call.rounds
    random.shuffle(pairs)
    with stage_in(folder / "p") as stage:
        bad = sum(_tried(stage, victim, moment, random) for victim, moment in pairs)
    sys.stdout.write(f"{bad} of {len(pairs)} went wrong\n")
    return 1 if bad else 0


def _tried(stage: Stage, victim: str, moment: str, random: Random) -> bool:
    """Kill one part at one moment; tell whether that went wrong."""
    delay = random.choice((0.0, random.uniform(0, _LONGEST_DELAY_S)))
    began = time.monotonic()
    try:
        done = kill(stage, victim, moment, delay)
        found: Sequence[str] = wrong(victim, moment, done)
        ended = f"{done.ended.phase}, {done.processes} killed, {len(done.callers)} lost to callers"
    except AssertionError as error:
        at = traceback.extract_tb(error.__traceback__)[-2]
        found, ended = (f"{at.name}, line {at.lineno}: {error}",), "broke off"
    took = time.monotonic() - began
    sys.stdout.write(f"{victim:>10}  {moment:<9} + {delay:.2f} s  {took:5.1f} s  {ended}\n")
    sys.stdout.writelines(f"  WRONG: {one}\n" for one in found)
    sys.stdout.flush()
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
