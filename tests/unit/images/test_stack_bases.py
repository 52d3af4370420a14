"""Which base images of a stack Azure can pull, and can serve flows from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sluice.images.base import ImageFacts
from sluice.images.stack_bases import base_findings
from sluice.spec.load import load_specs

Tree = Callable[..., Path]
Findings = Callable[..., list[tuple[str, str, str]]]
RUNTIME = "mcr.microsoft.com/azureml/promptflow/promptflow-runtime:latest"
HEAD = "endpoint_name: qa-endpoint\ninstance_type: Standard_E2s_v3\ninstance_count: 1\nmodel: {path: ../../flow}\n"


@pytest.fixture
def asked() -> list[str]:
    """What a registry was asked about."""
    return []


@pytest.fixture
def findings(tree: Tree, asked: list[str]) -> Findings:
    """Check a stack of one endpoint whose deployments serve one flow; extra files by name."""

    def check(files: dict[str, str], **facts: ImageFacts) -> list[tuple[str, str, str]]:
        flow = "inputs: {}\noutputs: {}\nnodes: []\n"
        root = tree(
            {"endpoints/qa/endpoint.yaml": "name: qa-endpoint\nauth_mode: key\n", "flow/flow.dag.yaml": flow, **files}
        )

        def read(image: str) -> ImageFacts | None:
            asked.append(image)
            return facts.get(image.partition(":")[0])

        found = base_findings(load_specs(root), read)
        return [(one.severity, one.code, str(one.at)) for one in found]

    return check


def deployment(name: str, environment: str, extra: str = "") -> dict[str, str]:
    return {f"endpoints/qa/{name}.yaml": f"name: {name}\n{HEAD}environment: {environment}\n{extra}"}


def test_the_runtime_itself_needs_no_look(findings: Findings, asked: list[str]) -> None:
    assert findings(deployment("blue", f"{{image: '{RUNTIME}'}}")) == []
    assert asked == []


def test_a_custom_base_is_looked_at_and_warned_of_once(findings: Findings, asked: list[str]) -> None:
    shared = {"environments/own.yaml": "name: own\nversion: '1'\nimage: own:1\n"}
    both = {**deployment("blue", "azureml:own:1"), **deployment("green", "azureml:own:1"), **shared}
    assert findings(both) == [("warning", "flow-base", "environments/own.yaml:3:1")]
    assert sorted(asked) == [RUNTIME, "own:1"]
    assert findings(both, own=ImageFacts("", texts=("LABEL from=promptflow",))) == []


def test_a_base_in_a_private_network_is_an_error_but_not_for_a_cluster(findings: Findings) -> None:
    image = "{image: '127.0.0.1:5000/promptflow:1'}"
    assert findings(deployment("blue", image)) == [("error", "base-registry", "endpoints/qa/blue.yaml:6:15")]
    assert findings(deployment("blue", image, "type: kubernetes\n")) == []


def test_the_base_of_a_dockerfile_counts(findings: Findings) -> None:
    files = deployment("blue", "{build: {path: ../../context}}")
    assert findings({**files, "context/Dockerfile": "FROM registry.lan/promptflow:1\n"}) == [
        ("error", "base-registry", "endpoints/qa/blue.yaml:6:15")
    ]
    assert findings({**files, "context/Dockerfile": f"FROM {RUNTIME}\n"}) == []


def test_an_image_to_be_filled_in_says_nothing_yet(findings: Findings) -> None:
    assert findings(deployment("blue", "{image: '<registry>/image:1'}")) == []
