"""How images are built on a machine, from facts about it; and the texts of what builds them."""

from __future__ import annotations

import base64
import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import BuilderFailed
from sluice.images import buildkit
from sluice.images.registry import registry_config
from sluice.images.services import BUILDER, Facts, Way, ways

ROOT = Facts("Linux", root=True, docker=False, runc=True, rootless_lacks=())
USER = replace(ROOT, root=False)


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        (ROOT, [Way.OWN]),
        (USER, [Way.ROOTLESS]),
        (replace(ROOT, docker=True), [Way.DOCKER, Way.OWN]),
        (replace(ROOT, docker=True, own_runs=True), [Way.OWN, Way.DOCKER]),
        (replace(USER, docker=True, rootless_lacks=("newuidmap",)), [Way.DOCKER]),
        (replace(ROOT, docker=True, runc=False), [Way.DOCKER]),
        (Facts("Darwin", root=False, docker=True, runc=False, rootless_lacks=()), [Way.DOCKER]),
    ],
)
def test_ways_best_first(facts: Facts, found: list[Way]) -> None:
    assert list(ways(facts)) == found


@pytest.mark.parametrize(
    ("facts", "words", "remedy"),
    [
        (replace(ROOT, runc=False), "would need runc", "apt-get install runc"),
        (replace(USER, rootless_lacks=("rootlesskit", "newuidmap")), "rootlesskit, newuidmap", "rootlesskit uidmap"),
        (replace(ROOT, system="Darwin"), "does not run on Darwin", "Start Docker"),
    ],
)
def test_where_there_is_none_what_is_missing_is_said(facts: Facts, words: str, remedy: str) -> None:
    with pytest.raises(BuilderFailed, match=words) as caught:
        ways(facts)
    assert remedy in caught.value.remedy
    assert "runtime: process" in caught.value.remedy


FACTS = st.builds(
    Facts,
    system=st.sampled_from(["Linux", "Darwin"]),
    root=st.booleans(),
    docker=st.booleans(),
    runc=st.booleans(),
    rootless_lacks=st.lists(st.sampled_from(["rootlesskit", "newuidmap"]), unique=True).map(tuple),
    own_runs=st.booleans(),
)


@given(FACTS)
def test_no_way_needs_what_is_not_there(facts: Facts) -> None:
    try:
        found = ways(facts)
    except BuilderFailed:
        assert not facts.docker
        return
    assert facts.docker or Way.DOCKER not in found
    assert facts.runc or not {Way.OWN, Way.ROOTLESS} & set(found)
    assert facts.root or Way.OWN not in found
    assert len(set(found)) == len(found)


@given(st.text(min_size=1).map(lambda text: f"/c/{text}"))
def test_the_configuration_is_toml_whatever_the_cache_is_called(folder: str) -> None:
    text = buildkit.buildkitd_toml(Path(folder), Path("/s/b.sock"), "/usr/sbin/runc", "127.0.0.1:5005")
    read = tomllib.loads(text)
    assert read["root"] == str(Path(folder))
    assert read["grpc"]["address"] == ["unix:///s/b.sock"]
    assert read["worker"]["oci"]["gc"] is True
    assert read["worker"]["oci"]["maxUsedSpace"] == buildkit.MOST_CACHE
    assert read["worker"]["containerd"]["enabled"] is False
    assert read["registry"]["127.0.0.1:5005"] == {"http": True}


def test_the_record_of_our_buildkit() -> None:
    record = json.loads(buildkit.remote_instance(Path("/s/b.sock")))
    assert (record["Name"], record["Driver"]) == (BUILDER, "remote")
    assert record["Nodes"][0]["Endpoint"] == "unix:///s/b.sock"
    assert buildkit.container_of(json.dumps(record)) == ""


def test_the_record_of_a_container_of_docker() -> None:
    text = buildkit.container_instance("default", "127.0.0.1:5005")
    node = json.loads(text)["Nodes"][0]
    assert node["DriverOpts"] == {"network": "host"}
    assert tomllib.loads(base64.b64decode(node["Files"]["buildkitd.toml"]).decode())["registry"]
    assert buildkit.container_of(text) == buildkit.CONTAINER


def theirs(driver: str = "docker-container", options: dict[str, str] | None = None) -> str:
    node = {"Name": "team0", "Endpoint": "default", "DriverOpts": {"network": "host"} if options is None else options}
    return json.dumps({"Name": "team", "Driver": driver, "Nodes": [node]})


def test_a_builder_of_the_users_is_borrowed_under_our_name_with_its_container() -> None:
    borrowed = buildkit.borrowed_instance(theirs())
    assert borrowed is not None
    assert json.loads(borrowed)["Name"] == BUILDER
    assert buildkit.container_of(borrowed) == "buildx_buildkit_team0"


@pytest.mark.parametrize(
    "record",
    [theirs("kubernetes"), theirs(options={}), theirs(options={"network": "bridge"}), "", "[]", "{}", '{"Driver": 1}'],
)
def test_a_builder_that_would_not_reach_loopback_is_not(record: str) -> None:
    assert buildkit.borrowed_instance(record) is None


def test_the_registry_listens_on_loopback_alone() -> None:
    config = json.loads(registry_config(Path("/c/registry"), "127.0.0.1:5005", "s"))
    assert config["http"]["addr"] == "127.0.0.1:5005"
    assert config["storage"]["filesystem"]["rootdirectory"] == "/c/registry"


@pytest.mark.parametrize(
    ("folder", "holds"),
    [("/c/images/tmp", True), ("/c/a b", True), ("/c/images/other", False), ("/c/images/tm", False), ("/b/a b", False)],
)
def test_mounts_below_a_folder(folder: str, holds: bool) -> None:
    told = (
        "36 35 98:0 /x /c/images/tmp/buildkit-mount1 rw - ext4 /dev/x rw\n37 35 98:0 / /c/a\\040b/m rw - ext4 /b/a b\n"
    )
    assert buildkit.holds_mount(Path(folder), told) is holds
