"""A project to roll out in: two deployments of one scoring script, each as good or bad as a test wants it.

The script fails a share of its requests, takes its time, answers worse, or dies, as its environment variables say.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from projects import Project, new_project, processes_of

BODY = json.dumps({"wish": "a story of the sea", "number": 1})

_SCRIPT = '''\
"""Answer, as well or as badly as the environment says."""

import itertools
import json
import os
import time

COUNT = itertools.count(1)


def init():
    """There is nothing to read."""


def run(data):
    """Return an answer, or fail."""
    number = next(COUNT)
    time.sleep(float(os.environ.get("TAKES_MS", "0")) / 1000)
    if number == int(os.environ.get("DIES_AT", "0")):
        os._exit(3)
    if number % 20 < int(os.environ.get("FAILS_OF_20", "0")):
        print("a request failed: the shelf is empty", flush=True)
        raise ValueError("the shelf is empty")
    return {"answer": os.environ.get("ANSWER", "good"), "asked": json.loads(data)}
'''

_DEPLOYMENT = """\
$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json
name: {name}
endpoint_name: town-books
environment: azureml:book-ranking:1
code_configuration:
  code: ../../scoring
  scoring_script: score.py
instance_type: Standard_DS3_v2
instance_count: 1
request_settings:
  max_concurrent_requests_per_instance: 8
liveness_probe:
  initial_delay: 1
  period: 1
  failure_threshold: 3
readiness_probe:
  initial_delay: 1
  period: 1
  failure_threshold: 2
environment_variables:
  WORKER_COUNT: "1"
{variables}
"""


def write_deployment(project: Project, name: str, **variables: str) -> None:
    """Write a deployment's file; `variables` are what its script sees."""
    lines = "\n".join(f'  {key}: "{value}"' for key, value in variables.items())
    project.write(f"endpoints/books/{name}.yaml", _DEPLOYMENT.format(name=name, variables=lines))


def write_rollout(project: Project, text: str) -> None:
    """Write the endpoint's rollout; `text` is all but its address and the endpoint's name."""
    project.write("endpoints/books/rollout.yaml", f"endpoint_name: town-books\n{text}")


def give_all_to(project: Project, weights: Mapping[str, int]) -> None:
    """Write the weights into the endpoint's file."""
    shares = "\n".join(f"  {name}: {weight}" for name, weight in weights.items())
    project.write(
        "endpoints/books/endpoint.yaml",
        f"name: town-books\nauth_mode: key\ntraffic:\n{shares}\n",
    )


def live(project: Project) -> Mapping[str, int]:
    """Return the live weights above 0."""
    traffic = json.loads(project.must("traffic", "show", "--json"))["traffic"]
    return {name: weight for name, weight in traffic.items() if weight}


def rollout(project: Project) -> Mapping[str, Any]:
    """Return what `sluice rollout status --json` says of the endpoint."""
    found: Mapping[str, Any] = json.loads(project.call("rollout", "status", "--json").stdout)
    return found


@contextmanager
def rollout_project(root: Path) -> Iterator[Project]:
    """Lend a project with `blue` serving; whatever a test leaves running is taken down."""
    project = new_project(root, "scoring-script")
    shutil.rmtree(root / "models", ignore_errors=True)
    shutil.rmtree(root / "shelf", ignore_errors=True)
    project.write("scoring/score.py", _SCRIPT)
    project.write("sample-request.json", BODY)
    write_deployment(project, "blue")
    give_all_to(project, {"blue": 100})
    try:
        project.must("up", "--yes")
        yield project
    finally:
        done = project.call("down", "--yes")
        left = processes_of(root)
        assert done.returncode == 0, done.stderr
        assert not left, f"left running: {left}"
