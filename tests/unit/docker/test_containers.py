"""The container of a replica, for each kind of server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sluice.errors import DockerFailed
from sluice.plan.runtimes import Routes
from sluice.plan.servers import ServerKind
from sluice.targets.local.docker.containers import Order, container_spec, model_folder, model_version_folder, user_of
from sluice.targets.local.docker.engine import Machine
from sluice.targets.local.docker.host import Host
from sluice.targets.local.docker.limits import GIB, Limits
from sluice.targets.local.docker.spec import ContainerSpec
from sluice.targets.local.state import Replica
from sluice.targets.local.wish import Wish

MACHINE = Machine(Limits(8, 32 * GIB), rootless=False, bridge=True)
ROUTES = Routes("/live", "/ready", "/v1/predict", 9000)


def made(wish: Wish, machine: Machine = MACHINE, **more: Any) -> ContainerSpec:
    order = Order(
        name="sluice-0-qa.blue.0",
        wish=wish,
        replica=Replica("qa.blue.0", 18000, "docker", wish.environment),
        host=Host("unix:///run/docker.sock", machine),
        user=(1000, 1001),
        secrets=Path("/home/secrets"),
        content=Path("/contents/c1"),
        code=Path("/contents/c2") if wish.code else None,
        variables=wish.variables,
        granted=False,
    )
    return container_spec(replace(order, **more))


def mounts(spec: ContainerSpec) -> Mapping[str, str]:
    return {mount.target: mount.source for mount in spec.mounts}


def test_a_scoring_script_finds_its_model_where_azure_puts_it(wish: Wish) -> None:
    spec = made(wish)

    assert spec.command is not None
    assert spec.command[:4] == (
        "/opt/sluice/entry.py",
        "/run/sluice/environment.json",
        "/var/azureml-app/code",
        "/opt/sluice/scoring_script_app.py",
    )
    assert "--entry_script=/var/azureml-app/code/score.py" in spec.command
    assert spec.env["AZUREML_MODEL_DIR"] == "/var/azureml-app/azureml-models/answers/7"
    assert mounts(spec)["/var/azureml-app/azureml-models/answers/7/library"] == "/contents/c1"
    assert mounts(spec)["/var/azureml-app/code"] == "/contents/c2"


def test_the_model_of_one_file_lies_in_its_versions_folder(wish: Wish) -> None:
    single = replace(wish, model={**(wish.model or {}), "folder": None})

    assert model_folder(single) == model_version_folder(single)


def test_the_mount_path_stands_before_azures(wish: Wish) -> None:
    """`model_mount_path: /models` of answers:7 is /models/answers/7."""
    assert model_version_folder(replace(wish, mount_path="/models")) == Path("/models/answers/7")


def test_every_file_that_is_mounted_is_there(wish: Wish) -> None:
    ours = [source for target, source in mounts(made(wish)).items() if target.startswith("/opt/sluice")]

    assert len(ours) == 3
    assert all(Path(source).is_file() for source in ours)


@pytest.mark.parametrize("kind", [ServerKind.FLOW, ServerKind.MLFLOW])
def test_the_other_servers_of_ours_serve_the_model_itself(wish: Wish, kind: ServerKind) -> None:
    spec = made(replace(wish, server=kind, code=None))

    assert spec.command is not None
    told = " ".join((*spec.command, *spec.env.values()))
    assert "/var/azureml-app/azureml-models/answers/7/library" in told
    assert "--host=0.0.0.0" in spec.command
    assert spec.container_port == 8080


def test_granted_connections_are_read_from_the_secrets(wish: Wish) -> None:
    spec = made(replace(wish, server=ServerKind.FLOW, code=None), granted=True)

    assert spec.env["SLUICE_CONNECTIONS"] == "/run/sluice/connections.json"


def test_a_flow_has_a_worker_for_each_core_it_may_use(wish: Wish) -> None:
    spec = made(replace(wish, server=ServerKind.FLOW, code=None))

    assert spec.command is not None
    assert "--workers=4" in spec.command
    assert (spec.cores, spec.memory) == (4, 14 * GIB)


def test_a_container_with_a_server_of_its_own_is_left_as_it_is(wish: Wish) -> None:
    spec = made(replace(wish, server=ServerKind.CONTAINER, code=None, routes=ROUTES))

    assert (spec.command, spec.user, spec.container_port) == (None, None, 9000)
    assert spec.env == {"MODE": "fast", "AZUREML_MODEL_DIR": "/var/azureml-app/azureml-models/answers/7"}
    assert set(mounts(spec)) == {"/var/azureml-app/azureml-models/answers/7/library"}


def test_a_container_may_bring_its_own_model(wish: Wish) -> None:
    alone = replace(wish, server=ServerKind.CONTAINER, code=None, routes=ROUTES, model=None, content=None)

    assert made(alone, content=None).mounts == ()
    assert "AZUREML_MODEL_DIR" not in made(alone, content=None).env


def test_without_a_bridge_a_server_of_ours_listens_on_the_machine_itself(wish: Wish) -> None:
    bare = replace(MACHINE, bridge=False)
    spec = made(wish, bare)

    assert (spec.network, spec.container_port) == ("host", 18000)
    assert spec.env["SLUICE_HOST"] == "127.0.0.1"
    with pytest.raises(DockerFailed, match="9000"):
        made(replace(wish, server=ServerKind.CONTAINER, code=None, routes=ROUTES), bare)


def test_no_secret_is_in_the_spec(wish: Wish) -> None:
    assert "hush" not in repr(made(wish))


@pytest.mark.parametrize(
    ("uid", "rootless", "user"), [(1000, False, "1000:1001"), (0, False, None), (1000, True, "0:0"), (0, True, "0:0")]
)
def test_whom_a_server_of_ours_runs_as(uid: int, rootless: bool, user: str | None) -> None:
    assert user_of(uid, 1001, replace(MACHINE, rootless=rootless)) == user
