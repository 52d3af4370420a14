"""How long until traffic follows `sluice traffic set`, and how much of it is Pulumi's floor.

    python bench/traffic_set.py [--rounds 7] [--json]

A tight loop asks the question-answering example on one connection while the command moves all traffic to the other
deployment. The floor is `sluice up` on an empty Pulumi program, in the same run. Figures are wall-clock seconds.
"""

from __future__ import annotations

import http.client
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import cycle

from measuring import Series, interleaved, machine, parser, seconds, show, show_json, wait_for_quiet
from workbench import Project, ask, deployed_example, empty_project, scratch

OTHER = {"blue": "green", "green": "blue"}


@dataclass
class Switch:
    """Moves all traffic from one deployment to the other, back and forth, and times it."""

    project: Project
    done_after: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._port, self._key = self.project.port(), self.project.key()
        self._targets = cycle(("green", "blue"))

    def __call__(self) -> float:
        """Switch; return the seconds from the command's start to the first answer by the new deployment."""
        target = next(self._targets)
        began = time.perf_counter()
        with self.project.start("traffic", "set", f"{target}=100", f"{OTHER[target]}=0", "--yes") as command:
            answered = self._first_answer(target, command) - began
            said = command.communicate()[0]
        self.done_after.append(time.perf_counter() - began)
        assert command.returncode == 0, said
        return answered

    def _first_answer(self, target: str, command: subprocess.Popen[str]) -> float:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            while True:
                ended = command.poll() is not None
                status, who = ask(connection, self._key)
                assert status == 200, status
                if who == target:
                    return time.perf_counter()
                assert not ended, f"the command ended, and {who} still answers"
        finally:
            connection.close()


def main() -> None:
    """Measure and report."""
    options = parser(__doc__.splitlines()[0], rounds=7).parse_args()
    with scratch() as folder, ExitStack() as stack:
        example = stack.enter_context(deployed_example(folder / "example"))
        empty = stack.enter_context(empty_project(folder / "empty"))
        switch = Switch(example)
        cases: dict[str, Callable[[], float]] = {
            "first answer by the new deployment": switch,
            "floor: sluice up, empty program": lambda: seconds(lambda: empty.must("up", "--yes")),
        }
        for warm in cases.values():
            warm()
        switch.done_after.clear()
        wait_for_quiet(options.quiet_load, options.wait)
        facts = machine()
        found = {name: Series(values) for name, values in interleaved(cases, options.rounds).items()}
    first, floor = found.values()
    found["command ended"] = Series(tuple(switch.done_after))
    ratio = first.median / floor.median
    if options.json:
        show_json(facts, unit="s", cases={n: s.plain() for n, s in found.items()}, ratio=ratio)
        return
    rows = [series.row(name, ".2f") for name, series in found.items()]
    show("sluice traffic set: all traffic to the other deployment (seconds)", facts, ("", "median", "min", "max"), rows)
    print(f"{ratio:.2f} x the floor; {first.median - floor.median:.2f} s more than it")


if __name__ == "__main__":
    main()
