"""Which processes a changed deployment keeps, and which changes mean new ones."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.plan.runtimes import Routes, Runtime
from sluice.plan.servers import ServerKind
from sluice.spec.models import Probe
from sluice.targets.local.envoy.desired import Backend
from sluice.targets.local.state import DeploymentState, Replica
from sluice.targets.local.wish import Wish, program_names, replicas_to_keep, revision_of

WISH = Wish(
    endpoint="qa",
    name="blue",
    server=ServerKind.FLOW,
    environment="abc",
    content="c1",
    model={"name": "m", "version": "1", "contentHash": "c1"},
    code=None,
    variables={"MODE": "fast"},
    secret_variables={"KEY": "hidden"},
    connections={"chat": "chat"},
    identity="qa",
    instance_count=2,
    timeout_ms=5000,
    max_concurrent=10,
    liveness=Probe(),
    readiness=Probe(),
)
# What the processes see: a change of it means new ones.
SEEN: dict[str, Any] = {
    "server": ServerKind.MLFLOW,
    "environment": "def",
    "content": "c2",
    "code": {"name": "code", "contentHash": "d"},
    "variables": {"MODE": "slow"},
    "secret_variables": {"KEY": "other"},
    "liveness": Probe(period=1),
    "runtime": Runtime.DOCKER,
}
# What a container sees beside that, and a process does not.
CONTAINED: dict[str, Any] = {
    "routes": Routes("/live", "/ready", "/predict", 9000),
    "instance_type": "Standard_DS3_v2",
    "mount_path": "/models",
    "model": {"name": "m", "version": "2", "contentHash": "c1"},
}
# What the gateway or the records see: the processes stay.
UNSEEN: dict[str, Any] = {
    "endpoint": "other",
    "name": "green",
    "model": {"name": "m", "version": "2", "contentHash": "c1"},
    "connections": {"chat": "chat", "unused": "x"},
    "identity": "someone",
    "instance_count": 9,
    "timeout_ms": 1,
    "max_concurrent": 1,
    "readiness": Probe(period=1),
    "inputs": {"description": "new words"},
}
PROGRAMS = st.integers(0, 6).map("qa.blue.{}".format)


def live(numbers: list[int], revision: str = "r1") -> DeploymentState:
    replicas = tuple(Replica(f"qa.blue.{number}", 9000 + number) for number in numbers)
    return DeploymentState("blue", revision, replicas, Backend("blue", tuple(one.port for one in replicas)))


def test_every_field_is_judged() -> None:
    assert SEEN.keys() | UNSEEN.keys() | CONTAINED.keys() == {field.name for field in fields(Wish)}
    assert not SEEN.keys() & UNSEEN.keys()


@pytest.mark.parametrize("name", SEEN)
def test_what_processes_see_makes_a_new_revision(name: str) -> None:
    assert revision_of(replace(WISH, **{name: SEEN[name]}), {}) != revision_of(WISH, {})


@pytest.mark.parametrize("name", CONTAINED)
def test_what_only_containers_see_makes_new_ones_of_these_alone(name: str) -> None:
    contained = replace(WISH, runtime=Runtime.DOCKER)

    assert revision_of(replace(contained, **{name: CONTAINED[name]}), {}) != revision_of(contained, {})
    assert revision_of(replace(WISH, **{name: CONTAINED[name]}), {}) == revision_of(WISH, {})


def test_the_name_of_a_models_folder_is_seen() -> None:
    """It stands in the path below AZUREML_MODEL_DIR."""
    one, other = ({"name": "m", "version": "1", "folder": folder} for folder in ("answers", "replies"))

    assert revision_of(replace(WISH, model=one), {}) != revision_of(replace(WISH, model=other), {})


def test_a_containers_routes_stand_before_its_servers() -> None:
    routes = Routes("/live", "/ready", "/predict", 9000)
    wish = replace(WISH, server=ServerKind.CONTAINER, routes=routes)

    assert (wish.liveness_path, wish.readiness_path, wish.score_path) == ("/live", "/ready", "/predict")
    assert (WISH.liveness_path, WISH.readiness_path, WISH.score_path) == ("/health", "/health", "/score")


@pytest.mark.parametrize("name", UNSEEN)
def test_what_processes_do_not_see_keeps_the_revision(name: str) -> None:
    assert revision_of(replace(WISH, **{name: UNSEEN[name]}), {}) == revision_of(WISH, {})


def test_credentials_are_seen_and_their_order_is_not() -> None:
    one, two = {"secrets": {"key": "1"}}, {"secrets": {"key": "2"}}
    assert revision_of(WISH, {"chat": one}) != revision_of(WISH, {"chat": two}) != revision_of(WISH, {})
    assert revision_of(WISH, {"a": one, "b": two}) == revision_of(WISH, {"b": two, "a": one})


def test_no_secret_can_be_read_from_a_revision_or_a_repr() -> None:
    assert len(revision_of(WISH, {})) == 12
    assert "hidden" not in repr(WISH)


@given(st.lists(st.integers(0, 6), unique=True), st.integers(0, 8), st.sets(PROGRAMS))
def test_replicas_are_kept_that_run_and_are_wanted(numbers: list[int], wanted: int, running: set[str]) -> None:
    current = live(numbers)
    kept = replicas_to_keep(current, "r1", wanted, running)
    assert {one.program for one in kept} <= running
    assert set(kept) <= set(current.replicas)
    assert len(kept) == min(wanted, sum(one.program in running for one in current.replicas))


@given(st.lists(st.integers(0, 6), unique=True), st.integers(0, 8), st.sets(PROGRAMS))
def test_nothing_is_kept_of_another_revision(numbers: list[int], wanted: int, running: set[str]) -> None:
    assert replicas_to_keep(live(numbers, "r0"), "r1", wanted, running) == ()
    assert replicas_to_keep(None, "r1", wanted, running) == ()


@given(st.sets(PROGRAMS), st.integers(0, 10))
def test_new_programs_have_the_lowest_free_numbers(taken: set[str], wanted: int) -> None:
    names = list(islice(program_names(WISH, taken), wanted))
    assert len(set(names)) == wanted
    assert taken.isdisjoint(names)
    highest = max((int(name.rpartition(".")[2]) for name in names), default=0)
    assert all(f"qa.blue.{number}" in taken or f"qa.blue.{number}" in names for number in range(highest))
