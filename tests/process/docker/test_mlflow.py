"""An MLflow model in a container: MLflow's server with the image's own Python."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from docker_engine import USED, Dockerd, import_image
from projects import lent

from sluice.plan.servers import ServerKind

pytestmark = [pytest.mark.process, pytest.mark.engine]
IMAGE = "sluice-test/mlflow:1"


def test_the_example_answers_from_a_container(
    docker: Dockerd, packages: Callable[[ServerKind], Path], tmp_path: Path
) -> None:
    import_image(docker.api, IMAGE, tmp_path / "image.tar", {USED: packages(ServerKind.MLFLOW)}, ["USER 1000:1000"])
    with lent(tmp_path / "p", "mlflow-model") as project:
        project.environ["DOCKER_HOST"] = docker.address
        (project.root / "visitors/requirements.txt").unlink()  # the image has them
        project.edit(
            "endpoints/visitors/blue.yaml",
            "instance_type",
            f"environment:\n  image: {IMAGE}\nproperties: {{sluice.runtime: docker}}\ninstance_type",
        )
        project.must("up", "--yes")

        answer = json.loads(project.must("invoke", "--request-file", "sample-request.json"))
        assert answer == {"predictions": [210, 160, 0]}
        assert project.deployment("blue")["runtime"] == "docker"
