"""An endpoint's state: what follows from each change of it, and that it comes back from its file as it was."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.errors import NotFound, StorageFailed
from sluice.spec.frozen import frozen_map
from sluice.spec.models import Probe
from sluice.targets.local.envoy.desired import Backend, KeyAuth, TokenAuth
from sluice.targets.local.paths import StackPaths
from sluice.targets.local.state import (
    DeploymentState,
    EndpointFile,
    EndpointState,
    Replica,
    Starting,
    endpoint_file,
    endpoints_of,
    running_contents,
)
from sluice.traffic.router import Cohort, Routing

if TYPE_CHECKING:
    from tests.unit.local.conftest import Deploy, Endpoint

NAMES = st.sampled_from(["blue", "green", "next"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda child: st.lists(child, max_size=2) | st.dictionaries(st.text(max_size=4), child, max_size=2),
    max_leaves=4,
)
PROBES = st.builds(Probe, *[st.integers(1, 30)] * 5)


@st.composite
def deployments(draw: st.DrawFn, name: str | None = None) -> DeploymentState:
    """A deployment: its replicas' ports belong to their programs, as no two processes have one port."""
    name = name or draw(NAMES)
    numbers = draw(st.lists(st.integers(0, 3), min_size=1, max_size=3, unique=True))
    replicas = tuple(Replica(f"qa.{name}.{number}", 9000 + number) for number in numbers)
    backend = Backend(
        name, tuple(replica.port for replica in replicas), timeout_ms=draw(st.sampled_from([1, 2])), probe=draw(PROBES)
    )
    contents = tuple(draw(st.lists(st.sampled_from(["a" * 8, "b" * 8]), max_size=2)))
    facts = frozen_map(draw(st.dictionaries(st.text(max_size=4), JSON, max_size=2)))
    return DeploymentState(name, draw(st.sampled_from(["r1", "r2"])), replicas, backend, contents, facts)


@st.composite
def states(draw: st.DrawFn) -> EndpointState:
    """Whatever an endpoint may be, weights and programs under way included."""
    serving = {name: draw(deployments(name)) for name in draw(st.sets(NAMES))}
    shares = st.dictionaries(st.sampled_from(sorted(serving)), st.integers(0, 100)) if serving else st.just({})
    starting = st.builds(Starting, st.builds("qa.{}.{}".format, NAMES, st.integers(0, 3)), st.integers(1), st.text())
    return EndpointState(
        "qa",
        draw(st.integers(1, 65535)),
        draw(st.sampled_from(["key", "aml_token"])),
        draw(st.text(max_size=4)),
        draw(st.text(max_size=4)),
        draw(st.text(max_size=4)),
        routing=Routing(frozen_map(draw(shares)), frozen_map(draw(shares)), draw(cohorts(sorted(serving)))),
        deployments=frozen_map(serving),
        identities=tuple(draw(st.lists(st.text(max_size=4), max_size=2))),
        starting=tuple(draw(st.lists(starting, max_size=3))),
        draining=tuple(draw(st.lists(deployments(), max_size=2))),
        walk=draw(st.sampled_from(["", "20260101T000000-ab12cd34"])),
    )


def cohorts(names: list[str]) -> st.SearchStrategy[Cohort | None]:
    """A cohort of a deployment that serves, or none."""
    if not names:
        return st.none()
    values = st.lists(st.text(max_size=3), max_size=2).map(tuple)
    return st.none() | st.builds(
        Cohort, st.sampled_from(names), st.sampled_from(["", "x"]), values, st.integers(0, 100)
    )


def programs_of(deployments: Iterable[DeploymentState]) -> set[str]:
    return {replica.program for one in deployments for replica in one.replicas}


@settings(max_examples=50)
@given(states(), deployments())
def test_a_deployment_comes_into_service_and_its_former_self_drains(
    before: EndpointState, deployment: DeploymentState
) -> None:
    after = before.with_deployment(deployment)
    former = before.deployments.get(deployment.name)
    assert after.deployments == {**before.deployments, deployment.name: deployment}
    assert after.routing == before.routing
    expected = [one for one in (*before.draining, *([former] if former else [])) if one.backend != deployment.backend]
    assert list(after.draining) == expected
    assert {one.program for one in after.starting}.isdisjoint(programs_of([deployment]))
    gone = {one.program for one in before.starting} - {one.program for one in after.starting}
    assert gone <= programs_of([deployment])


@settings(max_examples=50)
@given(states(), deployments())
def test_what_serves_does_not_drain(before: EndpointState, deployment: DeploymentState) -> None:
    after = before.with_deployment(deployment)
    assert deployment.backend not in [one.backend for one in after.draining]


@settings(max_examples=50)
@given(states(), deployments())
def test_no_program_is_forgotten_when_a_deployment_changes(before: EndpointState, deployment: DeploymentState) -> None:
    assert before.with_deployment(deployment).programs() == before.programs() | programs_of([deployment])


@settings(max_examples=50)
@given(states(), deployments())
def test_the_same_change_twice_is_the_change_once(before: EndpointState, deployment: DeploymentState) -> None:
    once = before.with_deployment(deployment)
    assert once.with_deployment(deployment) == once


@settings(max_examples=50)
@given(states(), NAMES)
def test_a_deployment_that_leaves_drains_and_has_no_traffic(before: EndpointState, name: str) -> None:
    after = before.without_deployment(name)
    leaving = [before.deployments[name]] if name in before.deployments else []
    assert name not in after.deployments
    assert name not in after.routing.weights
    assert name not in after.routing.mirror
    assert after.routing.cohort is None or after.routing.cohort.deployment != name
    assert after.routing.cohort in (None, before.routing.cohort)
    assert list(after.draining) == [*before.draining, *leaving]
    assert after.programs() == before.programs()
    assert {**after.deployments, **{one.name: one for one in leaving}} == before.deployments


@settings(max_examples=50)
@given(states(), st.lists(deployments() | NAMES, max_size=5))
def test_weights_never_name_what_is_gone(start: EndpointState, changes: list[DeploymentState | str]) -> None:
    state = start
    for change in changes:
        state = state.without_deployment(change) if isinstance(change, str) else state.with_deployment(change)
        cohort = {state.routing.cohort.deployment} if state.routing.cohort else set()
        assert {*state.routing.weights, *state.routing.mirror, *cohort} <= state.deployments.keys()
        assert all(one.name == name for name, one in state.deployments.items())
        assert state.gateway.deployments.keys() == state.deployments.keys()
        under_way = {one.program for one in state.starting}
        assert state.programs() == programs_of((*state.deployments.values(), *state.draining)) | under_way


@settings(max_examples=50)
@given(states())
def test_a_state_comes_back_from_its_file_as_it_was(state: EndpointState) -> None:
    with TemporaryDirectory() as folder:
        file = EndpointFile(Path(folder) / "qa")
        assert file.save(state) is state
        assert file.load() == state == file.must_load()


def test_a_state_from_before_there_were_rollouts_is_read(tmp_path: Path, endpoint: Endpoint, deployed: Deploy) -> None:
    file, state = EndpointFile(tmp_path / "qa"), endpoint(deployed("blue"))
    file.save(state)
    record = json.loads(file.path.read_text())
    del record["walk"], record["routing"]["cohort"]
    file.path.write_text(json.dumps(record))
    assert file.load() == state


def test_what_holds_keys_is_for_its_owner_alone(tmp_path: Path, endpoint: Endpoint) -> None:
    file = endpoint_file(StackPaths(tmp_path / "stack"), "qa")
    file.save(endpoint())
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.folder.stat().st_mode) == 0o700
    assert [entry.name for entry in file.folder.iterdir()] == ["state.json"]


def test_keys_show_in_no_repr(endpoint: Endpoint) -> None:
    said = repr(endpoint())
    assert not [word for word in ("first key", "second key", "thirty-two") if word in said]


def test_what_opens_the_door(endpoint: Endpoint) -> None:
    assert endpoint().auth == KeyAuth(endpoint().primary, endpoint().secondary)
    token = endpoint(auth_mode="aml_token").auth
    assert isinstance(token, TokenAuth)
    assert (token.issuer, token.audience) == ("sluice", "qa")
    assert token.secret not in (endpoint().primary.encode(), endpoint().secondary.encode())


def test_an_endpoint_that_is_not_there(tmp_path: Path) -> None:
    file = endpoint_file(StackPaths(tmp_path), "qa")
    assert file.load() is None
    with pytest.raises(NotFound, match="endpoint qa does not exist here"):
        file.must_load()


def test_the_endpoints_of_a_stack_and_what_they_serve(tmp_path: Path, endpoint: Endpoint, deployed: Deploy) -> None:
    paths = StackPaths(tmp_path)
    assert endpoints_of(paths) == ()
    zoo = endpoint(deployed("blue", contents=("one",)), name="zoo")
    ark = endpoint(
        deployed("blue", contents=("two", "three")), name="ark", draining=(deployed("old", contents=("4",)),)
    )
    for state in (zoo, ark):
        endpoint_file(paths, state.name).save(state)
    assert endpoints_of(paths) == (ark, zoo)
    assert running_contents(paths) == {"one", "two", "three", "4"}


def test_a_change_of_limits_alone_moves_the_replicas_to_another_backend(endpoint: Endpoint, deployed: Deploy) -> None:
    blue = deployed("blue")
    slower = replace(blue, backend=replace(blue.backend, timeout_ms=60000))
    state = endpoint(blue).with_deployment(slower)
    assert state.draining == (blue,)
    assert state.with_deployment(blue).draining == (slower,)  # changed back before the first was drained


@pytest.mark.parametrize("text", ['{"name": "shop"}', '{"unknown": 1}', "[1]"])
def test_a_state_of_another_version_is_named(tmp_path: Path, text: str) -> None:
    file = EndpointFile(tmp_path / "shop")
    file.folder.mkdir()
    file.path.write_text(text)
    with pytest.raises(StorageFailed, match="another version of Sluice wrote it"):
        file.load()
