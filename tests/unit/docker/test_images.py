"""Images that are here, are fetched, or can't be."""

from __future__ import annotations

from typing import Any

import pytest

from sluice.errors import EnvironmentFailed
from sluice.targets.local.docker.images import ensure_image


def test_an_image_that_is_here_is_not_asked_for_again(docker: Any) -> None:
    docker.images["own:1"] = "sha256:1"

    assert ensure_image(docker, "own:1", print) == "sha256:1"


def test_another_is_fetched_and_the_user_told(docker: Any) -> None:
    docker.hub["own:2"] = "sha256:2"
    said: list[str] = []

    assert ensure_image(docker, "own:2", said.append) == "sha256:2"
    assert said == ["pulling own:2", "half of it is here"]


def test_one_that_can_not_be_fetched_says_why(docker: Any) -> None:
    with pytest.raises(EnvironmentFailed, match=r"image own:3 can't be pulled: manifest unknown") as failed:
        ensure_image(docker, "own:3", print)

    assert "docker login" in failed.value.remedy
