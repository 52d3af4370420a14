"""A flow that fails, hangs and dies at some of its inputs, and what became of its runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from projects import Project, new_project, processes_of

ODD_FLOW = {
    "flow.dag.yaml": """
inputs:
  x: {type: int}
outputs:
  y: {type: int, reference: "${double.output}"}
nodes:
- name: double
  type: python
  source: {type: code, path: double.py}
  inputs: {x: "${inputs.x}"}
""",
    "double.py": """
import os
import subprocess
import time
from pathlib import Path

from promptflow.core import tool


@tool
def double(x: int) -> int:
    if x == 3:
        raise ValueError("three is bad")
    if x == 5:
        subprocess.run(["sleep", "600"])
    if x == 7:
        os._exit(9)
    gate = os.environ.get("GATE")
    while gate and x >= 20 and not Path(gate).exists():
        time.sleep(0.02)
    return 2 * x
""",
}


def odd_project(root: Path) -> Project:
    """Return a project with that flow: 3 fails, 5 hangs, 7 dies; from 20 on it waits for the file GATE, if set."""
    project = new_project(root)
    for name, text in ODD_FLOW.items():
        project.write(f"flows/odd/{name}", text)
    project.write("odd.yml", "flow: flows/odd\ndata: data/odd.jsonl\ncolumn_mapping: {x: '${data.x}'}\n")
    return project


def numbers(project: Project, count: int, *more: str) -> None:
    """Write the odd flow's data: 0 and so on, then other lines."""
    project.write(
        "data/odd.jsonl", "".join(f'{{"x": {x}}}\n' for x in range(count)) + "".join(f"{one}\n" for one in more)
    )


def results(project: Project, run: str) -> list[dict[str, Any]]:
    """Return the results of a run as they were written down."""
    file = project.root / ".sluice" / "runs" / run / "results.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def workers_of(project: Project) -> list[str]:
    """Return the worker processes of a project's runs."""
    return [line for line in processes_of(project.root) if "flow_worker" in line or "sleep 600" in line]
