"""Weights set by hand on Azure, and why a deployment did not start: with the real engine on the simulated Azure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.azure.projects import GREEN, lent_azure

pytestmark = [pytest.mark.process, pytest.mark.engine]


def test_weights_are_moved_by_hand_and_a_failed_start_is_explained(tmp_path: Path) -> None:
    with lent_azure(tmp_path / "p") as project:
        project.write("endpoints/answers/green.yaml", GREEN)
        project.must("up", "--yes")
        assert project.must("traffic", "set", "blue=70", "green=30", "--yes").strip().endswith("blue=70 green=30")
        assert project.weights() == {"blue": 70, "green": 30}
        assert json.loads(project.must("traffic", "show", "--json"))["traffic"] == {"blue": 70, "green": 30}
        project.must("traffic", "reset", "--yes")
        assert project.weights() == {"blue": 100}
        assert set(project.world.sums("answers")) == {100}

        project.world.settings.failing["answers/yellow"] = "The container did not start."
        lines = ["Traceback (most recent call last):", '  File "ask.py", line 2', "ModuleNotFoundError: No module 'x'"]
        project.world.logs["answers/yellow/InferenceServer"] = lines
        project.write("endpoints/answers/yellow.yaml", GREEN.replace("name: green", "name: yellow"))
        failed = project.call("up", "--yes")
        assert failed.returncode == 1
        assert (
            "answers/yellow failed, and its inference-server says: ModuleNotFoundError: No module 'x'" in failed.stderr
        )
        assert '  File "ask.py", line 2' in failed.stderr
