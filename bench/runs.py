"""A run of a flow over a data file, against prompt flow's own `pf run create`. Goal: at most 1.05 times as long.

    python bench/runs.py [--rounds 3] [--lines 1000] [--memory 100000]

Both run the example flow `qa-blue` over the same lines, with four workers, in the same Python environment, and end
with the outputs written. Prompt flow's usage data and trace server are off. `--memory` also makes one run of so many
lines with an executor that does nothing but answer, and tells how much memory the run itself takes on top.
"""

from __future__ import annotations

import itertools
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from measuring import Series, interleaved, machine, parser, seconds, show, show_json, wait_for_quiet
from workbench import scratch

from sluice.runs import data
from sluice.runs.driving import Drive, Tally
from sluice.runs.flows import flow_environment, read_flow_source
from sluice.runs.lines import Line, Sources, lines
from sluice.runs.results import Aggregated, LineResult
from sluice.runs.store import RunStore
from sluice.targets.local.environments import Talk

GOAL = 1.05
EXAMPLE = Path(__file__).parents[1] / "examples" / "question-answering"
SLUICE = Path(sys.executable).with_name("sluice")
NUMBERS = itertools.count()
TALK = Talk(lambda _: None, lambda: False)


def main() -> None:
    """Measure and report; exit 1 where the goal is missed."""
    options = parser("Runs against pf run create", rounds=3)
    options.add_argument("--lines", type=int, default=1000)
    options.add_argument("--memory", type=int, default=0)
    arguments = options.parse_args()
    with scratch() as root:
        project(root, arguments.lines)
        python = flow_environment(read_flow_source(root / "flows/qa-blue", root), TALK)[0].python
        cases = {"pf run create": lambda: prompt_flow(root, python), "sluice run create": lambda: ours(root)}
        wait_for_quiet(arguments.quiet_load, arguments.wait)
        facts = machine()
        found = {name: Series(values) for name, values in interleaved(cases, arguments.rounds).items()}
        grown = memory(root, arguments.memory) if arguments.memory else None
    report(facts, found, grown, as_json=arguments.json)


def project(root: Path, count: int) -> None:
    """Write a project with the example's flow and so many lines of data."""
    subprocess.run(["cp", "-r", str(EXAMPLE / "flows"), str(root)], check=True)
    write_lines(root / "data.jsonl", count)
    (root / "run.yml").write_text(
        "flow: flows/qa-blue\ndata: data.jsonl\ncolumn_mapping: {question: '${data.question}'}\n"
    )
    subprocess.run([SLUICE, "init", "."], cwd=root, check=True, stdout=subprocess.DEVNULL)
    home = root / "pf-home"
    home.mkdir()
    (home / "pf.yaml").write_text("telemetry:\n  enabled: false\ntrace:\n  destination: none\n")


def write_lines(file: Path, count: int) -> None:
    """Write the example's questions again and again."""
    questions = [json.loads(line) for line in (EXAMPLE / "data/questions.jsonl").read_text().splitlines()]
    with file.open("w") as stream:
        for number in range(count):
            stream.write(json.dumps({**questions[number % len(questions)], "number": number}) + "\n")


def prompt_flow(root: Path, python: Path) -> float:
    """Return how long prompt flow takes."""
    environ = {**os.environ, "PF_HOME_DIRECTORY": str(root / "pf-home"), "PF_WORKER_COUNT": "4"}
    environ |= {"APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED": "true"}
    command = [python, "-m", "promptflow._cli._pf.entry", "run", "create", "-f", "run.yml"]
    command += ["--name", f"bench_{next(NUMBERS)}"]
    return seconds(lambda: run(command, root, environ))


def ours(root: Path) -> float:
    """Return how long Sluice takes."""
    command = [SLUICE, "run", "create", "-f", "run.yml", "--name", f"bench_{next(NUMBERS)}"]
    return seconds(lambda: run(command, root, os.environ))


def run(command: list[str | Path], root: Path, environ: Mapping[str, str]) -> None:
    """Run a command; it has to succeed."""
    done = subprocess.run(command, cwd=root, env=dict(environ), capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{command}: {done.stdout}\n{done.stderr}")


class Answering:
    """An executor that answers at once."""

    aggregates = False

    def results(self, found: Iterator[Line], stop: Callable[[], bool]) -> Iterator[LineResult]:
        """Yield an answer for each line."""
        del stop
        return (LineResult(line, output={"answer": "yes"}) for line in found)

    def aggregate(self, results: Path, stop: Callable[[], bool]) -> Aggregated:
        """Return nothing."""
        del results, stop
        return Aggregated()

    def close(self) -> None:
        """Nothing is open."""


class Nobody:
    """A watcher that looks away."""

    def line(self, result: LineResult, tally: Tally) -> None:
        """Do nothing."""

    def says(self, text: str) -> None:
        """Do nothing."""


def memory(root: Path, count: int) -> float:
    """Return by how many MB this process grows in a run of so many lines."""
    write_lines(root / "many.jsonl", count)
    folder = RunStore(root).make("many")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = lines(Sources(data=data.rows(root / "many.jsonl")), {"question": "${data.question}"})
    Drive(folder, Answering(), Nobody(), lambda: False).run(found, Tally(count))
    folder.finish({})
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def report(facts: Mapping[str, object], found: Mapping[str, Series], grown: float | None, *, as_json: bool) -> None:
    """Print what was measured."""
    ratio = found["sluice run create"].median / found["pf run create"].median
    if as_json:
        cases = {name: series.plain() for name, series in found.items()}
        show_json(facts, seconds=cases, ratio=ratio, goal=GOAL, memory_mb=grown)
    else:
        rows = [series.row(name, ".1f") for name, series in found.items()]
        show("Runs (seconds)", facts, ("", "median", "min", "max"), rows)
        print(f"ratio: {ratio:.3f} (goal: at most {GOAL:.2f})")
        if grown is not None:
            print(f"memory of the run itself: {grown:.0f} MB more")
    sys.exit(ratio > GOAL)


if __name__ == "__main__":
    main()
