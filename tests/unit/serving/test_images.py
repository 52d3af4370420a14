"""What stands in for a serving image."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import Unsupported
from sluice.plan.servers import ServerKind
from sluice.targets.local.serving.images import (
    base_requirements,
    load_table,
    package_name,
    repository,
    requirements,
)

FLOW_IMAGE = "mcr.microsoft.com/azureml/promptflow/promptflow-runtime:latest"


@pytest.mark.parametrize(
    "image",
    [
        FLOW_IMAGE,
        "mcr.microsoft.com/azureml/promptflow/promptflow-runtime-stable:20240501.v1",
        "MCR.microsoft.com/azureml/promptflow/promptflow-runtime@sha256:0123",
        "mcr.microsoft.com/azureml/minimal-py312-inference:latest",
        "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04",
        None,
    ],
)
def test_a_known_image_gives_what_the_server_needs(image: str | None) -> None:
    assert base_requirements(image, ServerKind.FLOW) == tuple(load_table()["packages"]["flow"])


def test_an_image_chosen_for_a_package_brings_it() -> None:
    found = base_requirements("mcr.microsoft.com/azureml/curated/sklearn-1.5:12", ServerKind.SCORING_SCRIPT)

    assert found[0].startswith("azureml-inference-server-http==")
    assert any(line.startswith("scikit-learn==1.5") for line in found)


@pytest.mark.parametrize("image", ["python:3.11-slim", "pytorch/pytorch:latest", "example.azurecr.io/own:1"])
def test_any_other_image_is_refused_with_the_runtime_that_runs_it(image: str) -> None:
    with pytest.raises(Unsupported, match=re.escape(image)) as refused:
        base_requirements(image, ServerKind.FLOW)

    assert "runtime: docker" in refused.value.remedy


def test_every_kind_has_its_packages_pinned() -> None:
    packages = load_table()["packages"]

    assert set(packages) == set(ServerKind) - {ServerKind.CONTAINER}
    assert all("==" in line for lines in packages.values() for line in lines)


@pytest.mark.parametrize("own", ["promptflow==1.17.2", "PromptFlow[azure]>=1.15", "promptflow"])
def test_a_package_that_the_user_names_is_the_users(own: str) -> None:
    lines = requirements(FLOW_IMAGE, ServerKind.FLOW, [own, "rank-bm25==0.2.2"])

    assert [line for line in lines if package_name(line) == "promptflow"] == [own]
    assert lines[-1] == "rank-bm25==0.2.2"
    assert any(line.startswith("promptflow-tools==") for line in lines)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("Scikit_Learn==1.5", "scikit-learn"),
        ("  httpx[http2] >= 0.27 ; python_version < '3.12'", "httpx"),
        ("name @ https://example.org/name.whl", "name"),
        ("# a comment", None),
        ("-r other.txt", None),
        ("", None),
    ],
)
def test_the_package_of_a_requirement_line(line: str, name: str | None) -> None:
    assert package_name(line) == name


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("localhost:5000/a/b:1", "localhost:5000/a/b"),
        ("localhost:5000/a/b", "localhost:5000/a/b"),
        ("a/B:tag@sha256:00", "a/b"),
    ],
)
def test_the_repository_of_an_image(image: str, name: str) -> None:
    assert repository(image) == name


@given(st.text())
def test_any_image_is_known_or_refused(image: str) -> None:
    with suppress(Unsupported):
        assert base_requirements(image, ServerKind.MLFLOW)
