"""The quota preflight against a region: one read of limits, one of sizes, one an endpoint; nothing is made."""

from __future__ import annotations

from pathlib import Path

from tests.azure.conftest import Client
from tests.azure.scenes import running
from tests.unit.azure.conftest import SITE, STACK
from tests.unit.azure.test_quota import FAMILY, stack

from sluice.spec.load import load_specs
from sluice.targets.azure.quota import preflight


def test_what_is_missing_is_said_before_anything_is_made(client: Client, tmp_path: Path) -> None:
    running(client.world, "blue", traffic={"blue": 100})
    client.world.settings.cores = {FAMILY: 12}
    (short,) = preflight(client.arm, SITE, stack(tmp_path))
    assert short.message.startswith(f"4 cores of {FAMILY} are missing: 8 are needed on top")
    assert "4 of 12 are free" in short.message
    assert [method for method, _ in client.world.requests] == ["GET", "GET", "GET"]
    client.world.settings.cores = {FAMILY: 16}
    assert preflight(client.arm, SITE, stack(tmp_path)) == ()


def test_a_size_that_the_region_has_not(client: Client, tmp_path: Path) -> None:
    client.world.settings.sizes_missing = {"Standard_DS3_v2"}
    found = preflight(client.arm, SITE, stack(tmp_path))
    assert {one.severity for one in found} == {"error"}


def test_who_may_not_read_quota_is_told_and_goes_on(client: Client, tmp_path: Path) -> None:
    client.world.settings.denied = {"Microsoft.MachineLearningServices/locations/usages/read"}
    (told,) = preflight(client.arm, SITE, stack(tmp_path))
    assert (told.severity, "usages/read" in told.message) == ("warning", True)


def test_kubernetes_takes_no_quota(client: Client, tmp_path: Path) -> None:
    for name, content in STACK.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        kubernetes = content.replace("managedOnline", "kubernetesOnline").replace(
            "auth_mode: key", "auth_mode: key\ncompute: azureml:k8s"
        )
        (tmp_path / name).write_text(kubernetes.replace("name: blue\n", "name: blue\ntype: kubernetes\n"))
    assert preflight(client.arm, SITE, load_specs(tmp_path)) == ()
    assert client.world.requests == []
