"""What an update that changes nothing costs, against an empty Pulumi program in the same run.

    python bench/no_change_up.py [--rounds 7] [--json]

Each case is measured on the question-answering example (11 resources, two live deployments) and on a project with
the same Pulumi.yaml whose program is an empty file. Figures are wall-clock seconds.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from measuring import Series, interleaved, machine, parser, seconds, show, show_json, wait_for_quiet
from workbench import Project, deployed_example, empty_project, scratch, shell_env

PULUMI_UP = ("pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--stack", "dev")
COMMANDS = ("sluice up", "sluice preview", "pulumi up")
GOAL = 1.5


def main() -> None:
    """Measure and report."""
    options = parser(__doc__.splitlines()[0], rounds=7).parse_args()
    with scratch() as folder, ExitStack() as stack:
        projects = {
            "example": stack.enter_context(deployed_example(folder / "example")),
            "empty": stack.enter_context(empty_project(folder / "empty")),
        }
        cases = {name: case for kind, project in projects.items() for name, case in _cases(kind, project).items()}
        for warm in cases.values():
            warm()
        wait_for_quiet(options.quiet_load, options.wait)
        facts = machine()
        found = {name: Series(values) for name, values in interleaved(cases, options.rounds).items()}
    ratios = {name: found[f"{name}, example"].median / found[f"{name}, empty"].median for name in COMMANDS}
    if options.json:
        show_json(facts, unit="s", cases={n: s.plain() for n, s in found.items()}, ratios=ratios, goal=GOAL)
    else:
        _show(facts, found, ratios)


def _cases(kind: str, project: Project) -> Mapping[str, Callable[[], float]]:
    environ = shell_env(project)
    return {
        f"sluice up, {kind}": lambda: seconds(lambda: project.must("up", "--yes")),
        f"sluice preview, {kind}": lambda: seconds(lambda: project.must("preview")),
        f"pulumi up, {kind}": lambda: seconds(lambda: _pulumi(project.root, environ)),
    }


def _pulumi(root: Path, environ: Mapping[str, str]) -> None:
    subprocess.run(PULUMI_UP, cwd=root, env=environ, capture_output=True, check=True)


def _show(facts: Mapping[str, object], found: Mapping[str, Series], ratios: Mapping[str, float]) -> None:
    names = [f"{command}, {kind}" for command in COMMANDS for kind in ("example", "empty")]
    rows = [found[name].row(name, ".2f") for name in names]
    show("An update that changes nothing (seconds)", facts, ("", "median", "min", "max"), rows)
    for name, ratio in ratios.items():
        print(f"{name}: {ratio:.2f} x the empty program" + (f" (goal: at most {GOAL})" * (name == "sluice up")))


if __name__ == "__main__":
    main()
