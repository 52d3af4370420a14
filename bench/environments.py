"""Process environments: locked, from a warm cache, against `python -m venv` and pip. Goal: at most 1/8.

    python bench/environments.py [--rounds 3]

Both install what prompt flow's server needs, the same versions, with bytecode; both have what they download in
their caches. The first round fills them and is not counted. Ours is `ensure_environment`, which `sluice up` calls.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from measuring import Series, interleaved, machine, parser, seconds, show, show_json, wait_for_quiet
from workbench import scratch

from sluice.images.lock import LockRequest, read_lock
from sluice.images.locking import resolve
from sluice.images.uv import Run
from sluice.plan.servers import ServerKind
from sluice.targets.local.environments import Talk, ensure_environment, environment_of
from sluice.targets.local.files import remove_tree
from sluice.targets.local.serving.images import requirements

GOAL = 1 / 8
TALK = Talk(lambda _: None, lambda: False)


def main() -> None:
    """Measure and report; exit 1 where the goal is missed."""
    arguments = parser("Process environments against venv and pip", rounds=3).parse_args()
    with scratch() as root:
        os.environ["SLUICE_CACHE"] = str(root / "cache")
        wanted = requirements(None, ServerKind.FLOW, ())
        lock = read_lock(resolve(LockRequest(wanted), Path("requirements.txt"), Run()))
        text = "".join(package.text for package in lock.packages)
        cases = {"venv and pip": lambda: _pip(root, text), "sluice, locked": lambda: _ours(wanted, text)}
        for fill in cases.values():
            fill()
        wait_for_quiet(arguments.quiet_load, arguments.wait)
        facts = machine()
        found = {name: Series(values) for name, values in interleaved(cases, arguments.rounds).items()}
    _report(facts, found, as_json=arguments.json)


def _pip(root: Path, lock: str) -> float:
    """Install with pip, as a user would without uv; pip's cache is the machine's."""
    folder, file = root / "venv", root / "lock.txt"
    file.write_text(lock)
    remove_tree(folder)

    def work() -> None:
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        command = [str(folder / "bin" / "pip"), "install", "--quiet", "--require-hashes", "--no-deps", "--compile"]
        subprocess.run([*command, "--requirement", str(file)], check=True)

    return seconds(work)


def _ours(wanted: Sequence[str], lock: str) -> float:
    key = ensure_environment(wanted, None, TALK, lock=lock)[0].key  # the first time it is built, then found
    remove_tree(environment_of(key).folder)
    return seconds(lambda: ensure_environment(wanted, None, TALK, lock=lock))


def _report(facts: Mapping[str, object], found: Mapping[str, Series], *, as_json: bool) -> None:
    ratio = found["sluice, locked"].median / found["venv and pip"].median
    if as_json:
        cases = {name: series.plain() for name, series in found.items()}
        show_json(facts, seconds=cases, ratio=ratio, goal=GOAL)
    else:
        rows = [series.row(name, ".1f") for name, series in found.items()]
        show("Process environments (seconds)", facts, ("", "median", "min", "max"), rows)
        print(f"ratio: {ratio:.3f} (goal: at most {GOAL:.3f})")
    sys.exit(ratio > GOAL)


if __name__ == "__main__":
    main()
