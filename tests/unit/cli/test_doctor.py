"""`sluice doctor` in a project: what its stacks can't do without is no longer optional."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]


@pytest.mark.parametrize(
    ("stack", "deployment", "word"),
    [
        ("runtime: process\n", "", "-"),
        ("runtime: docker\n", "", "MISSING"),
        ("runtime: process\n", "properties: {sluice.runtime: docker}\n", "MISSING"),
    ],
)
def test_docker_is_missing_where_a_stack_runs_containers(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stack: str, deployment: str, word: str
) -> None:
    files = {
        "Pulumi.yaml": "name: x\nruntime: python\n",
        "stacks/dev/stack.yaml": f"target: local\n{stack}",
        "flow/flow.dag.yaml": "inputs: {}\noutputs: {}\nnodes: []\n",
        "endpoints/e/endpoint.yaml": "name: qa-endpoint\n",
        "endpoints/e/blue.yaml": "name: blue\nendpoint_name: qa-endpoint\ninstance_type: Standard_E2s_v3\n"
        f"instance_count: 1\nmodel: {{path: ../../flow}}\n{deployment}",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLUICE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    lines = [line.split() for line in call("doctor").out.splitlines()]
    assert next(line[0] for line in lines if "Docker" in line[:2]) == word
