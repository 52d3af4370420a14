"""Which locks a stack has: one for each set of packages its deployments ask for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sluice.errors import UsageError
from sluice.images.lock import LockRequest, lock_text
from sluice.images.requests import LockTarget, asked_locks, lock_targets, present_locks, stack_lock_findings
from sluice.plan.servers import ServerKind
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.load import load_specs
from sluice.spec.models import SpecSet
from sluice.targets.local.serving.images import is_serving_image, server_packages

Tree = Callable[..., Path]
RUNTIME = "mcr.microsoft.com/azureml/promptflow/promptflow-runtime:latest"
ENDPOINT = "name: qa-endpoint\nauth_mode: key\n"
FLOW = "inputs: {}\noutputs: {}\nnodes: []\n"


def deployment(name: str, flow: str = "qa", extra: str = f"environment: {{image: '{RUNTIME}'}}\n") -> str:
    head = f"name: {name}\nendpoint_name: qa-endpoint\ninstance_type: Standard_E2s_v3\ninstance_count: 1\n"
    return f"{head}model: {{path: ../../flows/{flow}}}\n{extra}"


def project(tree: Tree, **files: str) -> SpecSet:
    names = {key.replace("__", "/"): text for key, text in files.items()}
    root = tree({"endpoints/e/endpoint.yaml": ENDPOINT, **names}, "project")
    return load_specs(root)


def targets(specs: SpecSet) -> tuple[LockTarget, ...]:
    return lock_targets(specs, server_packages)


def drift(specs: SpecSet) -> tuple[Diagnostic, ...]:
    return stack_lock_findings(asked_locks(specs, server_packages), specs.root)


FILES = {"flows/qa/flow.dag.yaml": FLOW, "flows/qa/requirements.txt": "httpx\n-i https://{private}@feed.example/s\n"}


def test_a_flow_of_two_deployments_has_one_lock(tree: Tree) -> None:
    specs = project(
        tree, **FILES, **{"endpoints/e/blue.yaml": deployment("blue"), "endpoints/e/green.yaml": deployment("green")}
    )
    (target,) = targets(specs)
    assert target.path == specs.root / "flows/qa/requirements.lock.txt"
    assert target.request.requirements == ("httpx",)
    assert target.request.server[0].startswith("promptflow==")
    assert target.deployments == ("qa-endpoint/blue", "qa-endpoint/green")
    assert [feed.url for feed in target.feeds] == ["https://feed.example/s"]
    assert target.text is None
    assert drift(specs) == ()


def test_what_a_conda_file_asks_for_is_locked_along(tree: Tree) -> None:
    conda = "dependencies:\n- python=3.12\n- pip:\n  - numpy\n"
    environment = f"environment: {{image: '{RUNTIME}', conda_file: conda.yaml}}\n"
    specs = project(
        tree,
        **FILES,
        **{"endpoints/e/blue.yaml": deployment("blue", extra=environment), "endpoints/e/conda.yaml": conda},
    )
    (target,) = targets(specs)
    assert target.request.requirements == ("numpy", "httpx")
    assert target.request.python_version == "3.12"


def test_two_deployments_can_not_lock_differently_in_one_place(tree: Tree) -> None:
    conda = "dependencies:\n- pip:\n  - numpy\n"
    environment = f"environment: {{image: '{RUNTIME}', conda_file: conda.yaml}}\n"
    files = {
        **FILES,
        "endpoints/e/blue.yaml": deployment("blue"),
        "endpoints/e/green.yaml": deployment("green", extra=environment),
        "endpoints/e/conda.yaml": conda,
    }
    specs = project(tree, **files)
    with pytest.raises(UsageError, match=r"qa-endpoint/blue and qa-endpoint/green ask for other packages"):
        targets(specs)
    assert drift(specs) == ()  # nobody has to lock


def test_without_packages_there_is_nothing_to_lock(tree: Tree) -> None:
    specs = project(tree, **{"flows/qa/flow.dag.yaml": FLOW, "endpoints/e/blue.yaml": deployment("blue")})
    assert targets(specs) == ()


def test_drift_is_found_at_the_deployment(tree: Tree) -> None:
    old = lock_text(LockRequest(("idna",)), "", "requirements.txt")
    specs = project(
        tree, **FILES, **{"endpoints/e/blue.yaml": deployment("blue"), "flows/qa/requirements.lock.txt": old}
    )
    (finding,) = drift(specs)
    assert finding.code == "lock-drift"
    assert finding.at.path == "endpoints/e/blue.yaml"
    assert finding.message.startswith("`flows/qa/requirements.lock.txt` was locked from other requirements")


def test_packages_of_servers() -> None:
    flow = server_packages(RUNTIME, ServerKind.FLOW, ())
    assert flow == server_packages("python:3.11", ServerKind.FLOW, ())
    assert not any(line.startswith("uvicorn==") for line in server_packages(RUNTIME, ServerKind.FLOW, ("uvicorn",)))
    assert server_packages("mine:1", ServerKind.CONTAINER, ("x",)) == ()
    assert is_serving_image(RUNTIME)
    assert not is_serving_image("python:3.11")
    assert not is_serving_image(None)


def test_a_lock_that_is_there_belongs_to_each_deployment_that_asks_for_it(tree: Tree) -> None:
    files = {**FILES, "endpoints/e/blue.yaml": deployment("blue"), "endpoints/e/green.yaml": deployment("green")}
    specs = project(tree, **files)
    asked = asked_locks(specs, server_packages)
    assert present_locks(asked) == {}
    asked[0].path.write_text(lock_text(asked[0].request, "", "requirements.txt"))
    assert present_locks(asked) == dict.fromkeys(("qa-endpoint/blue", "qa-endpoint/green"), asked[0].path)
    asked[0].path.write_text(lock_text(LockRequest(("httpx",), ("other",)), "", "requirements.txt"))
    assert present_locks(asked) == {}
