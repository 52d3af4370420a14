"""Which digest a base gets, and from where."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sluice.images.base import ImageFacts
from sluice.images.manifest import Manifest
from sluice.images.pins import Pins
from sluice.images.plan import FLOW_RUNTIME, Form, Wish
from sluice.images.prepare import Subject
from sluice.spec.frozen import frozen_map
from sluice.spec.models import Build, Environment, Flow, ModelContent
from sluice_infra.image_plans import details_of

EnvironmentOf = Callable[..., Environment]
SOURCE = Path("flows/qa/requirements.txt")
NOW, BEFORE = "sha256:" + "a" * 64, "sha256:" + "b" * 64
PYTHON = Wish(Form.PACKAGES, "python:3.11", ("httpx",))


class Registries:
    """Knows digests, and what it was asked for and told."""

    def __init__(self, **digests: str) -> None:
        self.digests, self.asked, self.told = digests, list[str](), list[str]()
        self.pins = Pins(self.told.append, self.read)

    def read(self, image: str) -> ImageFacts | None:
        self.asked.append(image)
        return ImageFacts(self.digests["any"]) if self.digests else None


def before(base: str) -> Manifest:
    return Manifest(base, "requirements.txt", "0")


def test_a_base_is_pinned_as_its_registry_says_and_asked_for_once() -> None:
    there = Registries(any=NOW)
    assert there.pins.digest(PYTHON, before(f"python:3.11@{BEFORE}")) == NOW
    assert there.pins.digest(PYTHON, None) == NOW
    assert (there.asked, there.told) == (["python:3.11"], [])


@pytest.mark.parametrize(
    ("previous", "digest"),
    [(before(f"python:3.11@{BEFORE}"), BEFORE), (before("python:3.11"), None), (before(f"python:3.12@{BEFORE}"), None)],
)
def test_out_of_reach_it_stays_as_it_was_built(previous: Manifest, digest: str | None) -> None:
    away = Registries()
    assert away.pins.digest(PYTHON, previous) == digest
    assert away.told == []


def test_the_first_time_out_of_reach_it_is_told_once() -> None:
    away = Registries()
    assert [away.pins.digest(PYTHON, None), away.pins.digest(PYTHON, None)] == [None, None]
    assert [line.partition(":3.11:")[0] for line in away.told] == ["python"]
    assert len(away.asked) == 1


@pytest.mark.parametrize("wish", [Wish(Form.READY, "a:1"), Wish(Form.DOCKERFILE, ""), Wish(Form.PACKAGES, f"a@{NOW}")])
def test_nobody_is_asked_where_there_is_nothing_to_pin(wish: Wish) -> None:
    there = Registries(any=NOW)
    assert there.pins.digest(wish, None) is None
    assert there.asked == []


def flow(*requirements: str, image: str | None) -> ModelContent:
    named = Flow(Path("flow.dag.yaml"), requirements=requirements, requirements_file=SOURCE, image=image)
    return ModelContent("0", frozen_map(), named)


@pytest.mark.parametrize(
    ("image", "default", "serves"),
    [
        ("mine.azurecr.io/own:1", FLOW_RUNTIME, False),
        (FLOW_RUNTIME, "python:3.11", True),
        (None, FLOW_RUNTIME, True),
        (None, "python:3.11", False),
    ],
)
def test_whether_a_server_comes_along_is_asked_of_the_base_itself(
    image: str | None, default: str, serves: bool, environment: EnvironmentOf
) -> None:
    for own in (None, environment(conda_file=None)):
        details = details_of("e/blue", Subject(own, flow("httpx", image=image), (), default), Registries(any=NOW).pins)
        assert (details.serves, details.digest) == (serves, NOW)


def test_of_an_image_that_is_not_built_no_registry_is_asked(environment: EnvironmentOf) -> None:
    there = Registries(any=NOW)
    for own in (environment(image=FLOW_RUNTIME), environment(build=Build(Path("x")))):
        assert details_of("e/blue", Subject(own, flow(image=None)), there.pins).digest is None
    assert details_of("e/blue", Subject(None, flow(image=None)), there.pins).digest is None
    assert there.asked == []
