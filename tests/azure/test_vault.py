"""Secrets of a key vault, and the login that reads them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.azure.conftest import FakeClock, Login
from tests.azure.simulator.beside import Beside, beside

from sluice.errors import AccessDenied, SecretMissing, SluiceError, SpecError, UsageError
from sluice.spec.terms import SecretReference, SecretScheme
from sluice.targets.azure.cloud import Cloud, KeptLogin
from sluice.targets.azure.errors import AzureFailed, AzureLogin
from sluice.targets.azure.transport import NoAnswer, Request, Response
from sluice.targets.azure.vault import Vaults


@pytest.fixture
def around() -> Iterator[Beside]:
    with beside() as kept:
        yield kept


def vaults(around: Beside, token: str = "good") -> Vaults:
    clock = FakeClock()
    cloud = Cloud(vaults=around.environ["SLUICE_AZURE_VAULTS"])
    return Vaults(cloud, Login(clock, [token]), clock=clock)


def reference(name: str) -> SecretReference:
    return SecretReference(SecretScheme.KEYVAULT, name)


def test_a_secret_is_read_once(around: Beside) -> None:
    around.secrets["safe/key"] = "s3cret"
    read = vaults(around)
    assert [read(reference("safe/key")) for _ in range(2)] == ["s3cret", "s3cret"]
    assert around.requests == [("GET", "/vaults/safe/secrets/key")]


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("safe/other", SecretMissing, "az keyvault secret set --vault-name safe --name other"),
        ("safe", SpecError, "keyvault:VAULT/NAME"),
        ("safe/a/b/c", SpecError, "names no secret of a vault"),
    ],
)
def test_what_is_not_there_is_told_with_what_to_do(
    around: Beside, name: str, error: type[SluiceError], words: str
) -> None:
    with pytest.raises(error) as refused:
        vaults(around)(reference(name))
    assert words in str(refused.value)


def test_who_may_not_read_is_told_the_role(around: Beside) -> None:
    around.denied = True
    with pytest.raises(AccessDenied, match="may not read secrets of vault safe") as refused:
        vaults(around)(reference("safe/key"))
    assert "Key Vault Secrets User" in refused.value.remedy


def test_a_login_of_another_tenant_is_told(around: Beside) -> None:
    with pytest.raises(AzureLogin, match="does not take the login"):
        vaults(around, token="other")(reference("safe/key"))


def test_a_vault_that_does_not_answer_is_asked_again_then_given_up(around: Beside) -> None:
    def silent(request: Request) -> Response:
        raise NoAnswer

    read = vaults(around)
    read.send = silent
    with pytest.raises(AzureFailed, match="vault safe does not answer"):
        read(reference("safe/key"))
    assert isinstance(read.clock, FakeClock)
    assert read.clock.waits == [1, 2, 4]


def test_tokens_are_kept_by_audience() -> None:
    clock = FakeClock()
    login = Login(clock, ["one", "two", "three"])
    kept = KeptLogin(clock.now, lambda: login)
    assert [kept.get_token(scope).token for scope in ("a", "a", "b", "b")] == ["one", "one", "two", "two"]
    clock.time += 3600
    assert kept.get_token("a").token == "three"
    kept.get_token("a", claims="more")
    assert login.asked == [{}, {}, {}, {"claims": "more"}]


def test_other_clouds_are_named_by_the_environment() -> None:
    cloud = Cloud.of({"SLUICE_AZURE_ARM": "https://management.chinacloudapi.cn/"})
    assert cloud.arm == "https://management.chinacloudapi.cn"
    assert Cloud().vault_scope == "https://vault.azure.net/.default"
    other = Cloud.of({"SLUICE_AZURE_VAULTS": "https://{vault}.vault.azure.cn"})
    assert other.vault_scope == "https://vault.azure.cn/.default"


@pytest.mark.parametrize("address", ["http://arm.example.org", "ftp://arm.example.org", "arm.example.org"])
def test_a_login_is_not_shown_in_plain(address: str) -> None:
    with pytest.raises(UsageError, match="SLUICE_AZURE_ARM"):
        Cloud.of({"SLUICE_AZURE_ARM": address})
