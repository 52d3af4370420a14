"""The container that Docker is asked for."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.targets.local.docker.limits import GIB
from sluice.targets.local.docker.spec import (
    ContainerSpec,
    Mount,
    api_config,
    container_name,
    document,
    owner_in,
    parse,
)

texts = st.text(max_size=20)
specs = st.builds(
    ContainerSpec,
    name=texts,
    replica=texts,
    address=texts,
    image=texts,
    port=st.integers(1, 65535),
    container_port=st.integers(1, 65535),
    secrets=texts,
    network=st.sampled_from(["bridge", "host"]),
    command=st.none() | st.lists(texts, min_size=1).map(tuple),
    env=st.dictionaries(texts, texts),
    mounts=st.lists(st.builds(Mount, texts, texts), max_size=2).map(tuple),
    user=st.none() | texts,
    cores=st.none() | st.integers(1, 96),
    memory=st.none() | st.integers(1, 2**40),
)


@given(specs)
def test_a_spec_is_read_back_as_it_was_written(spec: ContainerSpec) -> None:
    again = parse(document(spec))

    assert again == spec
    assert again.digest == spec.digest


@given(specs, specs)
def test_other_specs_have_other_labels(one: ContainerSpec, other: ContainerSpec) -> None:
    assert (one == other) == (one.labels == other.labels)


@given(specs)
def test_a_container_is_reached_on_loopback_alone_and_writes_to_no_mount(spec: ContainerSpec) -> None:
    host = api_config(spec, {})["HostConfig"]

    bound = [one for ports in host.get("PortBindings", {}).values() for one in ports]
    assert bound == ([{"HostIp": "127.0.0.1", "HostPort": str(spec.port)}] if spec.network == "bridge" else [])
    assert all(mount["ReadOnly"] for mount in host["Mounts"])
    assert host["RestartPolicy"] == {"Name": "no"}


def test_a_server_of_ours_finds_its_secrets_in_a_mount_and_nothing_else_tells_them(spec: ContainerSpec) -> None:
    config = api_config(spec, {})

    assert {"Type": "bind", "Source": spec.secrets, "Target": "/run/sluice", "ReadOnly": True} in config["HostConfig"][
        "Mounts"
    ]
    assert config["Entrypoint"] == ["python3"]
    assert config["Env"] == ["MODE=fast"]
    assert "hush" not in json.dumps(config) + document(spec)


def test_another_image_runs_its_own_entrypoint_with_its_variables(spec: ContainerSpec) -> None:
    config = api_config(replace(spec, command=None), {"TOKEN": "hush"})

    assert {"Entrypoint", "Cmd", "User", "WorkingDir"}.isdisjoint(config)
    assert config["Env"] == ["MODE=fast", "TOKEN=hush"]
    assert config["HostConfig"]["Mounts"] == []


def test_limits_are_dockers_and_swap_adds_nothing(spec: ContainerSpec) -> None:
    host = api_config(spec, {})["HostConfig"]

    assert (host["NanoCpus"], host["Memory"], host["MemorySwap"]) == (2 * 10**9, 4 * GIB, 4 * GIB)
    assert {"NanoCpus", "Memory"}.isdisjoint(api_config(replace(spec, cores=None, memory=None), {})["HostConfig"])


def test_stacks_of_other_folders_have_other_containers() -> None:
    one, other = (container_name(Path(folder), "qa.blue.0") for folder in ("/a", "/b"))

    assert one != other
    assert one.endswith("-qa.blue.0")


PASSWD = "root:x:0:0:root:/root:/bin/sh\napp:x:1500:1600::/app:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n"


@pytest.mark.parametrize(
    ("user", "owner"),
    [
        ("", (0, 0)),
        ("root", (0, 0)),
        ("app", (1500, 1600)),
        ("1500", (1500, 1600)),
        ("app:2000", (1500, 2000)),
        ("app:staff", (1500, 1600)),
        ("4242", (4242, 0)),
        ("4242:17", (4242, 17)),
        ("unknown", (0, 0)),
    ],
)
def test_the_owner_behind_an_images_user(user: str, owner: tuple[int, int]) -> None:
    assert owner_in(user, PASSWD) == owner
